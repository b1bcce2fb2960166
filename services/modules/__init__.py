"""The modules service: which modules are registered, and which functions they offer."""
