"""The shared kernel: mechanisms every service needs, and the contracts between them. No rules."""
