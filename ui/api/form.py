"""A form on its way in (multipart/form-data), part by part as it comes; never whole in memory."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ui.api.errors import Refusal

_FORM = b"multipart/form-data"
_BROKEN = "This form is cut off or damaged. Send it again."


@dataclass(frozen=True)
class Part:
    """One field of the form: its name, whether it was sent as a file, its content in chunks."""

    name: str
    is_file: bool
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True)
class _Begin:
    name: str
    is_file: bool


class _End:
    """The content of a part is complete."""


async def parts(content_type: str, stream: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """The form's parts, in the order sent; each is to be read to its end before the next.

    Raises Refusal when it is no form or not whole, and what `stream` raises.
    """
    reader = _Reader(content_type, stream)
    while begin := await reader.next():
        assert isinstance(begin, _Begin)
        yield Part(begin.name, begin.is_file, reader.content())


class _Reader:
    """What the parser has heard of the stream, one thing at a time."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        if kind != _FORM or b"boundary" not in options:
            message = "This is no form. Send the files as multipart/form-data, as curl -F does."
            raise Refusal(415, "not_a_form", message)
        self._stream = stream
        self._heard: deque[_Begin | bytes | _End] = deque()
        self._ended = False
        self._header, self._value, self._disposition = b"", b"", b""
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_header_field": self._on_header,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": lambda data, start, end: self._heard.append(data[start:end]),
                    "on_part_end": lambda: self._heard.append(_End()),
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _broken() from error

    async def next(self) -> _Begin | bytes | _End | None:
        """The next thing; None after the form's end."""
        while not self._heard and not self._ended:
            try:
                self._parser.write(await anext(self._stream))
            except (StopAsyncIteration, FormParserError) as error:
                raise _broken() from error
        return self._heard.popleft() if self._heard else None

    async def content(self) -> AsyncIterator[bytes]:
        """The content of the part that began last."""
        while isinstance(chunk := await self.next(), bytes):
            yield chunk

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        self._heard.append(_Begin(name, b"filename" in options))
        self._disposition = b""

    def _on_end(self) -> None:
        self._ended = True


def _broken() -> Refusal:
    return Refusal(400, "bad_form", _BROKEN)
