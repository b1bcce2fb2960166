"""The recorded behaviour of the original API, as cases, and what plays them against a system."""
