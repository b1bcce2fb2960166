"""The scopes that tokens can be narrowed to are those that some service asks for, and no others."""

import re

from dev.environment import ROOT
from services.users.scopes import SCOPES


def test_every_scope_opens_something_and_everything_narrowed_opens_by_a_scope() -> None:
    asked: set[str] = set()
    for file in (ROOT / "services").glob("*/dependencies.py"):
        for call in re.findall(r"requires\(([^)]+)\)", file.read_text()):
            asked.update(re.findall(r'"([a-z:]+)"', call))

    assert asked == set(SCOPES)
