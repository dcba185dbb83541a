"""The filter of system calls lets through what it should, on both kinds of machines."""

import errno
from functools import partial

import pytest

from inference.core.confinement import seccomp
from inference.core.confinement.system_calls import (
    ARCHITECTURES,
    IN_FOLDERS,
    ORDINARY,
    WITH_CONDITIONS,
    list_numbers,
)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_knows_both_machines(machine: str) -> None:
    """Its program is run here by hand: the other machine's can't be tried."""
    own, x32 = ARCHITECTURES[machine], 0x40000000
    names = list_numbers(machine, ORDINARY | WITH_CONDITIONS | IN_FOLDERS)
    decide = partial(_interpret, seccomp._build_program(machine, False, pid=42), own)
    for name in list_numbers(machine, ORDINARY):
        assert decide(names[name]) == "allow"
    for name in list_numbers(machine, IN_FOLDERS):
        assert decide(names[name]) == errno.EPERM
    assert [decide(names["kill"], pid) for pid in (42, 0, 1, 2**32 - 1)] == [
        "allow",
        *[errno.EPERM] * 3,
    ]
    threads, process, namespace = 0x3D0F00, 0x1200011, 0x3D0F00 | 0x20000
    flags = (threads, process, namespace)
    assert [decide(names["clone"], each) for each in flags] == ["allow", errno.EPERM, errno.EPERM]
    assert decide(names["prlimit64"], 0, 7, 0) == "allow"
    assert (
        decide(names["prlimit64"], 0, 7, 2**32)
        == decide(names["prlimit64"], 0, 7, 8)
        == errno.EPERM
    )
    for name, before in (("open", [0]), ("openat", [0, 0])):
        if name in names:  # to read, write, both; the same and cut it short; neither, which is 3
            decisions = [decide(names[name], *before, 0o2000100 | flags) for flags in range(4)]
            decisions += [decide(names[name], *before, 0o1000 | flags) for flags in range(4)]
            no = errno.EPERM
            assert decisions == [*["allow"] * 3, no, no, "allow", "allow", no]
    assert decide({"x86_64": 285, "aarch64": 47}[machine]) == errno.EPERM  # fallocate
    assert decide({"x86_64": 41, "aarch64": 198}[machine]) == errno.EPERM  # socket
    assert decide(435) == decide(425) == errno.ENOSYS  # clone3, and io_uring_setup
    assert decide(x32 + names["read"]) == "kill"
    assert _interpret(seccomp._build_program(machine, False, 42), 0x40000003, 3) == "kill"


def _interpret(
    program: list[tuple[int, int, int, int]], architecture: int, number: int, *arguments: int
) -> str | int:
    """Return what the program decides on a call: an error number, "allow" or "kill"."""
    words = [number, architecture, 0, 0]
    for each in (*arguments, *[0] * (6 - len(arguments))):
        words += [each % 2**32, each // 2**32]
    at = value = 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == 0x20:
            value = words[operand // 4]
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            known = {0x7FFF0000: "allow", 0x80000000: "kill"}
            return known.get(operand, operand & 0xFFFF)
        else:
            at += yes if (value == operand if code == 0x15 else value >= operand) else no
