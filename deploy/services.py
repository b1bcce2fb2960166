"""A service by its name, for commands that every service has; nothing of another is loaded."""

import importlib

from shared.app import Service


def description_of(name: str) -> Service:
    settings = importlib.import_module(f"services.{name}.settings")
    main = importlib.import_module(f"services.{name}.main")
    found: Service = main.describe(getattr(settings, f"{name.title()}Settings").load())
    return found
