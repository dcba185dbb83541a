"""Every failure is somebody's to mend, in one sentence."""

import errno

import pytest

from inference.core.errors import Fault, FaultCode, InputCode, InputError, from_code, from_os_error


@pytest.mark.parametrize("code", list(InputCode))
def test_input_codes_are_the_persons(code: InputCode) -> None:
    assert isinstance(from_code(code.value, "m"), InputError)


@pytest.mark.parametrize("code", [*FaultCode, "never heard of"])
def test_all_others_are_ours(code: str) -> None:
    assert isinstance(from_code(code, "m"), Fault)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, FaultCode.DISK_FULL),
        (errno.EROFS, FaultCode.OUTPUT_NOT_WRITABLE),
        (errno.EACCES, FaultCode.OUTPUT_NOT_WRITABLE),
        (errno.EIO, FaultCode.INTERNAL),
    ],
)
@pytest.mark.holds("making, draft", "read-only", "the job fails in one sentence")
@pytest.mark.holds("making, MultiTalk", "read-only", "the job fails in one sentence")
def test_a_failed_write_is_told_apart(number: int, code: FaultCode) -> None:
    assert from_os_error(OSError(number, "x")).code == code
