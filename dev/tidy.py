"""The house rules that no other tool checks, as a program: `make lint` runs it.

A rule says why it exists, because a rule whose reason is forgotten is only in the way. Where it is
wrong for once, say so on the line: `# tidy: allow RULE - why`.
Invariant: an exception without a reason, or one that excepts nothing, is itself a fault.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dev.environment import ROOT

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
ROUTE_LINES_MAX = 10
# Pages, conditions, repeated requests and the API's document, which names every refusal, header and
# scope of every route (ADR 10), messaging that loses nothing with any number of replicas (ADR 11),
# reads and messages that cost little (ADR 15), traces, limits on requests, the audit log (ADR 22)
# are what every service has alike.
SHARED_LINES_MAX = 3500
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
TEST_NAME_WORDS_MIN = 3

ALLOWED = re.compile(r"# tidy: allow (?P<rule>[a-z-]+)(?: - (?P<why>\S.*))?$")
# Spelt with a class of one letter, so that this file does not accuse itself.
UNFINISHED = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(wor[k]|roo[t]|hom[e])/\w|--index[-]url")
TRANSACTION_OWNERS = {Path(f"shared/{n}.py") for n in ("db", "migrations", "sqlite", "upgrading")}
VAGUE_NAMES = {"utils", "helpers", "manager", "common", "base", "constants", "misc"}

Finding = tuple[int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A file under judgement."""

    path: Path
    text: str

    @property
    def parts(self) -> tuple[str, ...]:
        return self.path.parts

    @property
    def is_python(self) -> bool:
        return self.path.suffix == ".py"

    @property
    def is_test(self) -> bool:
        return bool({"tests", "e2e-tests", "testing"} & set(self.parts))

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def code_lines(self) -> set[int]:
        """Lines with code: not blank, no comment, no docstring. Explaining costs no budget."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        lines = {
            line
            for token in tokens
            if token.type not in NO_CODE
            for line in range(token.start[0], token.end[0] + 1)
        }
        return lines - set(self._docstring_lines())

    def _docstring_lines(self) -> Iterator[int]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node):
                yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)

    def calls(self, *names: str) -> Iterator[int]:
        """Lines that call something of that name, however it is reached."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and _name(node.func) in names:
                yield node.lineno

    def comments(self) -> Iterator[Finding]:
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


@dataclass(frozen=True)
class Rule:
    name: str
    reason: str
    find: Callable[[Source], Iterable[Finding]]


@dataclass
class Report:
    """Faults found, with the exceptions that were used."""

    faults: list[str] = field(default_factory=list)

    def judge(self, source: Source) -> None:
        allowed = self._exceptions(source)
        used: set[int] = set()
        for rule in RULES:
            for line, message in rule.find(source):
                # A finding on line 1 is about the whole file, so the exception may stand anywhere.
                exceptions = [n for n, r in allowed.items() if r == rule.name and line in {n, 1}]
                used.update(exceptions)
                if not exceptions:
                    self._add(source, line, f"{message} [{rule.name}: {rule.reason}]")
        for line in allowed.keys() - used:
            self._add(source, line, f"this allows {allowed[line]}, but nothing here needs it")

    def _exceptions(self, source: Source) -> dict[int, str]:
        found = {}
        for number, comment in source.comments() if source.is_python else ():
            match = ALLOWED.search(comment)
            if match and match["why"]:
                found[number] = match["rule"]
            elif match:
                self._add(source, number, "an exception says why: # tidy: allow RULE - why")
        return found

    def _add(self, source: Source, line: int, message: str) -> None:
        self.faults.append(f"{source.path}:{line}: {message}")


def _name(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def docstring(source: Source) -> Iterator[Finding]:
    if source.is_python and not source.is_test and ast.get_docstring(source.tree) is None:
        yield 1, "no module docstring"


def file_length(source: Source) -> Iterator[Finding]:
    if source.is_python and len(source.lines) > FILE_LINES_MAX:
        yield 1, f"{len(source.lines)} lines, at most {FILE_LINES_MAX}"


def function_length(source: Source) -> Iterator[Finding]:
    is_judged = source.is_python and "migrations" not in source.parts
    for function in source.functions() if is_judged else ():
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield (
                function.lineno,
                f"{function.name} has {length} lines, at most {FUNCTION_LINES_MAX}",
            )


def route_length(source: Source) -> Iterator[Finding]:
    is_route = source.is_python and "routes" in source.parts and not source.is_test
    for function in source.functions() if is_route else ():
        body = function.body[1:] if ast.get_docstring(function) else function.body
        length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if length > ROUTE_LINES_MAX:
            yield function.lineno, f"the body of {function.name} has {length} lines"


def file_name(source: Source) -> Iterator[Finding]:
    is_event_base = source.parts[-2:] == ("events", "base.py")
    if source.is_python and source.path.stem in VAGUE_NAMES and not is_event_base:
        yield 1, f"{source.path.name} says nothing about what is inside"


def packages(source: Source) -> Iterator[Finding]:
    if source.parts[-2:] in {("services", "__init__.py"), ("tests", "__init__.py")}:
        yield 1, f"{source.path.parent}/ is no package"


def commits(source: Source) -> Iterator[Finding]:
    is_judged = (
        source.is_python and not source.is_test and source.parts[0] in {"services", "shared"}
    )
    if is_judged and source.path not in TRANSACTION_OWNERS:
        yield from ((line, "commit belongs to the edge") for line in source.calls("commit"))


def selects(source: Source) -> Iterator[Finding]:
    is_judged = source.is_python and not source.is_test and source.parts[0] == "services"
    if is_judged and source.path.stem != "queries" and "migrations" not in source.parts:
        yield from ((line, "a SELECT outside queries.py") for line in source.calls("select"))


def sleeps(source: Source) -> Iterator[Finding]:
    if source.is_python and source.is_test:
        yield from ((line, "a test that sleeps") for line in source.calls("sleep"))


def mocks(source: Source) -> Iterator[Finding]:
    for node in ast.walk(source.tree) if source.is_python else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names += [node.module or "", *(alias.name for alias in node.names)]
        if any(name.split(".")[-1] in {"mock", "pytest_mock"} for name in names):
            yield getattr(node, "lineno", 1), "a mock library"


def test_names(source: Source) -> Iterator[Finding]:
    is_judged = source.is_python and source.is_test and source.path.stem.startswith("test_")
    for function in source.functions() if is_judged else ():
        words = function.name.split("_")[1:]
        if function.name.startswith("test_") and len(words) < TEST_NAME_WORDS_MIN:
            yield function.lineno, f"{function.name} is no sentence"


def unfinished(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, 1):
        if UNFINISHED.search(line):
            yield number, "something unfinished"


def machine_paths(source: Source) -> Iterator[Finding]:
    is_judged = source.path.suffix != ".json" and source.path.name != "Dockerfile"
    for number, line in enumerate(source.lines, 1) if is_judged else ():
        if MACHINE_PATH.search(line):
            yield number, "a path or an address of one machine"


RULES = (
    Rule("docstring", "the reason for a module stands at its head", docstring),
    Rule("file-length", "a file is read whole; split it by what changes together", file_length),
    Rule("function-length", "a function is understood at one sight", function_length),
    Rule("route-length", f"a route parses and calls, in {ROUTE_LINES_MAX} lines", route_length),
    Rule("file-name", "what has no name of its own has no owner", file_name),
    Rule("package", "an image may hold one service only; tests are never imported", packages),
    Rule("commit", "a change and its event are one transaction, ended in shared/db.py", commits),
    Rule("select", "who reads what is reviewed in one place", selects),
    Rule("no-sleep", "a time is too short on a slow machine, too long on yours", sleeps),
    Rule("mock", "a mock says what we believe, a fake what we play", mocks),
    Rule("test-name", "the list of tests is the list of promises", test_names),
    Rule("unfinished", "finish it, or write it where work is planned", unfinished),
    Rule("machine-path", "the repository works on every machine", machine_paths),
)


def sources() -> Iterator[Source]:
    """Every text file that is or would be in the repository."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in sorted(set(names.split("\0")) - {""}):
        try:
            yield Source(Path(name), (ROOT / name).read_text())
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue


def shared_budget(all_sources: Iterable[Source]) -> Iterator[str]:
    """The kernel stays small, or every service ends up inside it. Contracts grow with the API."""
    kernel = [
        source
        for source in all_sources
        if source.is_python and source.parts[0] == "shared" and not source.is_test
        if source.parts[1] not in {"events", "clients"}
    ]
    lines = sum(len(source.code_lines) for source in kernel)
    if lines > SHARED_LINES_MAX:
        yield f"shared/: {lines} lines of mechanism, at most {SHARED_LINES_MAX}: to add, remove"


def main() -> int:
    report = Report()
    everything = list(sources())
    for source in everything:
        report.judge(source)
    report.faults += shared_budget(everything)
    print("\n".join(report.faults) or "House rules kept.")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
