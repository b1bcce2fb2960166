"""Requests as a case writes them, byte for byte, and answers as they arrived."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from contract.variables import Variables, fresh_word

PRINTABLE = "".join(map(chr, range(33, 127)))
OCTETS = "application/octet-stream"


@dataclass
class Answer:
    """A response, read whole; `kind` says what its body is."""

    status: int
    headers: httpx.Headers
    raw: bytes
    kind: str = "text"
    text: str = ""
    json: Any = field(default=None)

    @classmethod
    def of(cls, response: httpx.Response, raw: bytes) -> "Answer":
        answer = cls(response.status_code, response.headers, raw)
        try:
            answer.text = raw.decode()
        except UnicodeDecodeError:
            answer.text = raw.decode("latin-1")
        answer._judge(response.headers.get("content-type", "").split(";")[0].strip().lower())
        return answer

    def _judge(self, media_type: str) -> None:
        if not self.raw:
            self.kind = "empty"
        elif media_type == "text/html":
            self.kind = "html"
        elif media_type == "application/json" or media_type.endswith("+json"):
            try:
                self.json = json.loads(self.text)
            except ValueError:
                return
            self.kind = "json"

    def pick(self, wanted: dict[str, Any] | None) -> None:
        """Keep only those items of a list that have these values."""
        if not wanted or not isinstance(self.json, list):
            return

        def fits(item: Any) -> bool:
            return isinstance(item, dict) and all(
                item.get(key) in (value if isinstance(value, list) else [value])
                for key, value in wanted.items()
            )

        self.json = [item for item in self.json if fits(item)]


def client(timeout_seconds: float) -> httpx.Client:
    """No connection is used twice: one broken answer must not spoil the next step. No cookies."""
    return httpx.Client(
        timeout=timeout_seconds,
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),
        headers={"Accept-Encoding": "identity"},
    )


def send(
    http: httpx.Client, method: str, url: str, headers: dict[str, str], body: bytes | None
) -> Answer:
    """The request target goes out as written: dot segments stay, a fragment is dropped."""
    url = url.split("#")[0]
    parts = urlsplit(url)
    written = url.split("://", 1)[1][len(parts.netloc) :] or "/"
    request = http.build_request(
        method,
        f"{parts.scheme}://{parts.netloc}/",
        headers=headers,
        content=body,
        extensions={"target": quote(written, safe=PRINTABLE).encode()},
    )
    response = http.send(request, stream=True)
    try:
        raw = b"".join(response.iter_raw())
    finally:
        response.close()
        http.cookies.clear()
    return Answer.of(response, raw)


def encode(step: dict[str, Any], variables: Variables) -> tuple[bytes | None, str | None]:
    """A step's body and its content type."""
    if "json" in step:
        return json.dumps(variables.fill(step["json"])).encode(), "application/json"
    if "form" in step:
        pairs = [(key, str(variables.fill(value))) for key, value in step["form"]]
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if "multipart" in step:
        return _multipart(variables.fill(step["multipart"]))
    if "raw" in step:
        return variables.fill(step["raw"]).encode(), step.get("content_type")
    if "raw_base64" in step:
        return base64.b64decode(step["raw_base64"]), step.get("content_type")
    return None, step.get("content_type")


def _multipart(parts: dict[str, Any]) -> tuple[bytes, str]:
    """File names as a browser writes them: UTF-8, with quote, CR and LF percent-escaped."""
    boundary = "----suite" + fresh_word(16)
    sections = [
        _part(boundary, f'name="{_escaped(name)}"', None, value)
        for name, value in parts.get("fields", [])
    ]
    sections += [_file(boundary, item) for item in parts.get("files", [])]
    sections.append(f"--{boundary}--\r\n".encode())
    return b"".join(sections), f"multipart/form-data; boundary={boundary}"


def _file(boundary: str, item: Any) -> bytes:
    if isinstance(item, dict):
        disposition = f'name="{_escaped(item["name"])}"; {item["disposition"]}'
        return _part(boundary, disposition, item.get("content_type"), item["content"])
    name, file_name, content, *rest = item
    disposition = f'name="{_escaped(name)}"; filename="{_escaped(file_name)}"'
    return _part(boundary, disposition, rest[0] if rest else OCTETS, content)


def _part(boundary: str, disposition: str, content_type: str | None, content: Any) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
    if content_type:
        head += f"Content-Type: {content_type}\r\n"
    return f"{head}\r\n{content}\r\n".encode()


def _escaped(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
