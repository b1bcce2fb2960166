"""Reads a multipart form as it streams in: text fields to memory, the wanted file to storage.

Memory stays flat whatever is sent: a text field has a limit, only named fields are kept, and file
bytes are handed on chunk by chunk. The parsing itself is python-multipart's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.files.names import field_name, file_name
from shared.bodies import FORM_FIELD_BYTES_MAX, FORM_FIELDS_MAX
from shared.errors import BadRequest

HEADER_BYTES_MAX = 64 * 1024


class FileSink(Protocol):
    """Takes the content of one file."""

    async def write(self, data: bytes) -> None: ...


# Called with field and file name when a file begins; None drops its content.
OnFile = Callable[[str, str], Awaitable[FileSink | None]]


@dataclass
class _Part:
    disposition: bytes = b""
    name: str = ""
    file_name: str | None = None
    data: bytearray = field(default_factory=bytearray)
    sink: FileSink | None = None
    is_begun: bool = False


def unreadable(reason: str) -> BadRequest:
    return BadRequest(f"Multipart form parse error - {reason}")


class MultipartReader:
    """`fields` holds the last text of each wanted field, once `read` has returned."""

    def __init__(self, content_type: str, wanted: frozenset[str], on_file: OnFile):
        self.fields: dict[str, str] = {}
        self._wanted = wanted
        self._on_file = on_file
        self._part = _Part()
        self._header_name = b""
        self._header_value = b""
        self._parts = 0
        self._is_at_end = False
        # What the parser has seen of files in the current chunk; written when it returns.
        self._pending: list[tuple[_Part, bytes]] = []
        self._parser = self._new_parser(content_type)

    async def read(self, chunks: AsyncIterator[bytes]) -> None:
        is_empty = True
        async for chunk in chunks:
            is_empty = is_empty and not chunk
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise unreadable(str(error)) from None
            await self._write_pending()
        if not self._is_at_end and not is_empty:
            raise unreadable("the form ends in the middle")

    def _new_parser(self, content_type: str) -> MultipartParser:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise unreadable("Invalid boundary in multipart: None")
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_size=HEADER_BYTES_MAX,
            )
        except FormParserError as error:
            raise unreadable(str(error)) from None

    async def _write_pending(self) -> None:
        pending, self._pending = self._pending, []
        for part, data in pending:
            if not part.is_begun:
                part.is_begun = True
                part.sink = await self._on_file(part.name, part.file_name or "")
            if part.sink is not None and data:
                await part.sink.write(data)

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > FORM_FIELDS_MAX + 1:
            raise unreadable(f"a form may have at most {FORM_FIELDS_MAX} fields")
        self._part = _Part()

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._part.disposition = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        name = field_name(self._part.disposition)
        if name is None:
            raise unreadable("a part has no name")
        self._part.name = name
        self._part.file_name = file_name(self._part.disposition)
        if self._part.file_name is not None:
            # Begins with nothing in it, so that an empty file is a file.
            self._pending.append((self._part, b""))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.file_name is not None:
            self._pending.append((self._part, data[start:end]))
        elif self._part.name in self._wanted:
            if len(self._part.data) + end - start > FORM_FIELD_BYTES_MAX:
                raise unreadable(f"a field may have at most {FORM_FIELD_BYTES_MAX} bytes")
            self._part.data += data[start:end]

    def _end_part(self) -> None:
        if self._part.file_name is None and self._part.name in self._wanted:
            self.fields[self._part.name] = self._part.data.decode(errors="replace")

    def _end(self) -> None:
        self._is_at_end = True
