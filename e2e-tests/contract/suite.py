"""Plays scenarios against a live system: users of its own, step by step, each step judged.

Invariant: a scenario uses nothing but what it made itself, the administrator and the registered
modules, so scenarios run in any order and at the same time.
"""

import fnmatch
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from contract import wire
from contract.matching import API, Matcher, short
from contract.variables import Undefined, Variables, fresh_word
from contract.wire import Answer

CASES = Path(__file__).with_name("cases")
LOOK_AGAIN_SECONDS = 0.15
CASE_KEYS = {"name", "description", "requires", "users", "names", "steps"}
STEP_KEYS = {
    *("id", "note", "as", "method", "path", "query", "headers"),
    *("json", "form", "multipart", "raw", "raw_base64", "content_type"),
    *("pick", "mask", "unordered", "text", "save"),
    *("eventually", "expect", "deviation"),
}

Case = dict[str, Any]
Step = dict[str, Any]


class CannotStart(Exception):
    """The cases, or the system, are not fit to begin."""


@dataclass
class Outcome:
    """A step, and every way in which its answer differed."""

    case: Case
    step: Step
    problems: list[str] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def where(self) -> str:
        return f"{self.case['name']}/{self.step['id']}"

    def describe(self) -> str:
        more = f" (+{len(self.problems) - 3} more)" if len(self.problems) > 3 else ""
        request = f"{self.step.get('method', 'GET')} {short(self.step['path'], 50)}"
        return f"FAIL {self.where} {request}: {'; '.join(self.problems[:3])}{more}"


@dataclass(frozen=True)
class Options:
    scheme: str = "Token"
    extra_ok: bool = True
    with_deviations: bool = True
    timeout_seconds: float = 30.0


def load_cases(folders: Sequence[Path] = (CASES,), only: Sequence[str] = ()) -> list[Case]:
    """The scenarios of these names, or all; a misspelt key is refused."""
    cases = []
    for folder in folders:
        paths = sorted(folder.glob("*.json"))
        if not paths:
            raise CannotStart(f"no case files in {folder}")
        cases += [_checked(path, json.loads(path.read_text("utf-8"))) for path in paths]
    chosen = [c for c in cases if not only or any(fnmatch.fnmatch(c["name"], o) for o in only)]
    if not chosen:
        raise CannotStart("no scenario has such a name")
    return chosen


def _checked(path: Path, case: Case) -> Case:
    ids = [step["id"] for step in case["steps"]]
    repeated = {one for one in ids if ids.count(one) > 1}
    unknown = (set(case) - CASE_KEYS).union(*(set(step) - STEP_KEYS for step in case["steps"]))
    if unknown or repeated:
        raise CannotStart(f"{path.name}: unknown {sorted(unknown)}, repeated {sorted(repeated)}")
    return case


class Suite:
    """One system under test, as one administrator sees it."""

    def __init__(self, base: str, admin_token: str, options: Options | None = None) -> None:
        self._base = base.rstrip("/")
        self._admin_token = admin_token
        self._options = options or Options()
        self._http = wire.client(self._options.timeout_seconds)
        self.stopped = threading.Event()
        self.known = Variables({"base": self._base, "scheme": self._options.scheme})

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def absent_modules(self, case: Case) -> list[str]:
        return [m for m in case.get("requires") or [] if f"module.{m}" not in self.known]

    def play(self, case: Case) -> Iterator[Outcome]:
        """One outcome per step; without its users none of the steps is tried."""
        variables = self.known.copy()
        variables.set("rand", fresh_word(10))
        for alias in case.get("users", []) + case.get("names", []):
            variables.set(f"{alias}.username", f"{alias}_{fresh_word(8)}")
            variables.set(f"{alias}.password", f"Zq7-{fresh_word(12)}")
        try:
            for alias in case.get("users", []):
                self._register(alias, variables)
        except (CannotStart, httpx.HTTPError) as error:
            yield from (Outcome(case, step, [f"setup: {error}"]) for step in case["steps"])
            return
        for step in case["steps"]:
            if self.stopped.is_set():
                return
            outcome = Outcome(case, step)
            self._take(outcome, variables)
            yield outcome

    def _take(self, outcome: Outcome, variables: Variables) -> None:
        deadline = time.monotonic() + outcome.step.get("eventually", 0)
        while True:
            try:
                outcome.answer = self._request(outcome.step, variables)
                _save(outcome.step, outcome.answer, variables)
                outcome.problems = self._judge(outcome.step, outcome.answer, variables)
            except Undefined as error:
                outcome.problems = [str(error)]
                return
            except httpx.HTTPError as error:
                outcome.problems = [f"no answer: {type(error).__name__} {error}"]
                return
            if not outcome.problems or time.monotonic() >= deadline:
                return
            self.stopped.wait(LOOK_AGAIN_SECONDS)

    def _start(self) -> None:
        me = self._get("/auth/user/", self._admin_token)
        for key in ("username", "url", "id"):
            self.known.set(f"admin.{key}", me[key])
        for module in self._get(f"{API}/modules/", self._admin_token):
            self._learn("module", module)
            for function in module["functions"]:
                self._learn("function", function)
        if "module.probe" not in self.known:
            raise CannotStart('no module named "probe" is registered')

    def _learn(self, kind: str, item: dict[str, Any]) -> None:
        self.known.set(f"{kind}.{item['name']}", item["url"])
        self.known.set(f"{kind}.{item['name']}.id", item["id"])

    def _get(self, path: str, token: str) -> Any:
        headers = {"Authorization": f"{self._options.scheme} {token}"}
        answer = wire.send(self._http, "GET", self._base + path, headers, None)
        if answer.status != 200 or answer.kind != "json":
            raise CannotStart(f"GET {path}: {answer.status} {short(answer.text)}")
        return answer.json

    def _register(self, alias: str, variables: Variables) -> None:
        password = variables.get(f"{alias}.password")
        body = {"username": variables.get(f"{alias}.username")}
        body |= {"password1": password, "password2": password}
        headers = {"Content-Type": "application/json"}
        url = f"{self._base}/auth/registration/"
        answer = wire.send(self._http, "POST", url, headers, json.dumps(body).encode())
        if answer.status != 201 or answer.kind != "json" or "token" not in answer.json:
            raise CannotStart(f"cannot register {alias}: {answer.status} {short(answer.text)}")
        variables.set(f"{alias}.token", answer.json["token"])
        me = self._get("/auth/user/", answer.json["token"])
        variables.set(f"{alias}.url", me["url"])
        variables.set(f"{alias}.id", me["id"])

    def _request(self, step: Step, variables: Variables) -> Answer:
        path = variables.fill(step["path"])
        url = path if path.startswith(("http://", "https://")) else self._base + path
        if step.get("query"):
            pairs = [(key, str(variables.fill(value))) for key, value in step["query"]]
            url += "?" + urlencode(pairs)
        body, content_type = wire.encode(step, variables)
        headers = self._headers(step, content_type, variables)
        answer = wire.send(self._http, step.get("method", "GET"), url, headers, body)
        answer.pick(variables.fill(step.get("pick")))
        return answer

    def _headers(
        self, step: Step, content_type: str | None, variables: Variables
    ) -> dict[str, str]:
        headers = {"Accept": "*/*"}
        if content_type:
            headers["Content-Type"] = variables.fill(content_type)
        if alias := step.get("as"):
            token = self._admin_token if alias == "admin" else variables.get(f"{alias}.token")
            headers["Authorization"] = f"{self._options.scheme} {token}"
        for name, value in (step.get("headers") or {}).items():
            if value is None:
                headers.pop(name, None)
            else:
                headers[name] = variables.fill(value)
        return headers

    def _judge(self, step: Step, answer: Answer, variables: Variables) -> list[str]:
        expected = step.get("expect") or {}
        deviation = step.get("deviation")
        if isinstance(deviation, dict) and self._options.with_deviations:
            expected = deviation.get("expect", expected)
        if not expected:
            return ["no expectation recorded"]
        matcher = Matcher(variables, self._options.extra_ok)
        unordered = step.get("unordered", False)
        alternatives = expected if isinstance(expected, list) else [expected]
        return min((_compare(one, answer, matcher, unordered) for one in alternatives), key=len)


def _save(step: Step, answer: Answer, variables: Variables) -> None:
    for name, path in (step.get("save") or {}).items():
        try:
            value = answer.headers[path[7:]] if path.startswith("header:") else None
            variables.set(name, _dig(answer.json, path) if value is None else value)
        except (KeyError, IndexError, TypeError, ValueError):
            continue


def _dig(value: Any, path: str) -> Any:
    for part in path.split(".") if path not in ("", ".") else ():
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _compare(
    expected: dict[str, Any], answer: Answer, matcher: Matcher, unordered: bool
) -> list[str]:
    problems = []
    status = expected.get("status", answer.status)
    if not (200 <= answer.status < 300 if status == "2xx" else status == answer.status):
        problems.append(f"status: expected {status} got {answer.status}")
    elif status == 401 and not answer.headers.get("www-authenticate"):
        problems.append("header WWW-Authenticate: missing")
    if "body" in expected:
        problems += _compare_body(expected["body"], answer, matcher, unordered)
    for name, template in (expected.get("headers") or {}).items():
        value = answer.headers.get(name)
        if not matcher.header(name, template, value, is_json=answer.kind == "json"):
            problems.append(f"header {name}: expected {short(template)} got {short(value)}")
    return problems


def _compare_body(template: Any, answer: Answer, matcher: Matcher, unordered: bool) -> list[str]:
    match template:
        case "${any}":
            is_fit, wanted = True, ""
        case "${empty}":
            is_fit, wanted = not answer.raw, "an empty body"
        case "${html}":
            is_fit, wanted = answer.kind == "html", "an HTML page"
        case {"$sha256": digest, **rest} if not rest:
            is_fit, wanted = hashlib.sha256(answer.raw).hexdigest() == digest, f"sha256 {digest}"
        case {"$text": text, **rest} if not rest:
            is_fit, wanted = matcher.text(text, answer.text), f"text {short(text)}"
        case _ if answer.kind != "json":
            is_fit, wanted = False, f"JSON {short(template)}"
        case _:
            return matcher.diff(template, answer.json, unordered=unordered)
    got = short(answer.text) if answer.raw else "an empty body"
    return [] if is_fit else [f"body: expected {wanted} got {answer.kind} {got}"]
