"""A form is read as it comes, in pieces of any size, and a broken one is one sentence."""

from collections.abc import AsyncIterator

import anyio
import pytest

from ui.api.errors import Refusal
from ui.api.form import parts

TYPE = 'multipart/form-data; boundary="--x"'
IMAGE = bytes(range(256)) * 20 + b"\r\n----y\r\n"  # nearly a boundary
FORM = (
    b'----x\r\nContent-Disposition: form-data; name="image"; filename="../a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + IMAGE + b"\r\n"
    b'----x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nA quiet r\xc3\xb3om\r\n'
    b'----x\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n'
    b"----x--\r\n"
)


def read(
    form: bytes, size: int = 65_536, content_type: str = TYPE
) -> list[tuple[str, bool, bytes]]:
    """The parts of a form that comes in pieces of `size` bytes."""

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(form), size):
            yield form[start : start + size]

    async def collect() -> list[tuple[str, bool, bytes]]:
        return [
            (part.name, part.is_file, b"".join([chunk async for chunk in part.chunks]))
            async for part in parts(content_type, stream())
        ]

    return anyio.run(collect)


@pytest.mark.parametrize("size", [1, 7, 100, 65_536])
def test_everything_arrives_as_it_was(size: int) -> None:
    image, prompt, empty = read(FORM, size)
    assert image == ("image", True, IMAGE)
    assert prompt == ("prompt", False, "A quiet róom".encode())
    assert empty == ("empty", False, b"")


@pytest.mark.parametrize(
    "form", [FORM[:-10], FORM[:300], FORM[:20], b"", b"x" * 100, b"----x\r\n:"]
)
@pytest.mark.holds("API", "torn file", "a broken form is refused; no job is left")
def test_a_broken_one_is_refused(form: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read(form)
    assert (refused.value.status, refused.value.code) == (400, "bad_form")


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "text/plain; x=y"])
def test_what_is_no_form_is_refused(kind: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(FORM, content_type=kind)
    assert (refused.value.status, refused.value.code) == (415, "not_a_form")


def test_a_boundary_of_any_length_is_answered() -> None:
    with pytest.raises(Refusal):
        read(FORM, content_type=f"multipart/form-data; boundary={'x' * 5000}")
