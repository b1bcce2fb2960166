"""Support for tests; production code never imports it (checked by import-linter)."""
