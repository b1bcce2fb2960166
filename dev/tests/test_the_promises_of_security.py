"""Every promise in SECURITY.md names a test, and each of those tests is there."""

import ast
import re

from dev.environment import ROOT

PAGE = ROOT / "SECURITY.md"
NAMED = re.compile(r"`([\w./-]+\.py)::(\w+)`")


def promises() -> list[str]:
    section = PAGE.read_text().partition("## What is promised")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith("| Promise")]


def functions_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_promise_names_a_test_that_exists() -> None:
    assert len(promises()) > 20
    for promise in promises():
        named = NAMED.findall(promise)
        assert named, promise
        for path, name in named:
            assert name in functions_in(path), f"{path}::{name}"


def test_the_page_says_what_is_not_promised() -> None:
    section = PAGE.read_text().partition("## What is not promised")[2]
    assert section.count("\n- **") >= 10
