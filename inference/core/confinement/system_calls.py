"""Linux's system calls by name, with their numbers on x86-64 and on aarch64 (None: not there).

From the kernel's asm/unistd_64.h and asm-generic/unistd.h; a number never changes.
"""

from collections.abc import Mapping

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # the kernel's AUDIT_ARCH_*
_COLUMNS = {"x86_64": 0, "aarch64": 1}
SECCOMP = {"x86_64": 317, "aarch64": 277}
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446  # everywhere
# The first of those that came after the C libraries had learnt to do without: they ask for one, and
# take the one of before where this is not implemented.
FIRST_OPTIONAL = 424
X32 = 0x40000000  # this bit of a number marks the third set of calls, with 32-bit pointers

# fmt: off
# Files (which Landlock restricts), memory, threads, time, and what a process asks of itself. Not
# fallocate, which takes space beyond the limit on a file's size.
ORDINARY = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70),
    "close": (3, 57), "lseek": (8, 62), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "stat": (4, None), "lstat": (6, None), "fstat": (5, 80),
    "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44),
    "getdents": (78, None), "getdents64": (217, 61), "getcwd": (79, 17), "readlink": (89, None),
    "readlinkat": (267, 78), "flock": (73, 32), "fsync": (74, 82), "fdatasync": (75, 83),
    "ftruncate": (77, 46), "fadvise64": (221, 223), "sendfile": (40, 71),
    "copy_file_range": (326, 285), "umask": (95, 166), "mmap": (9, 222), "mprotect": (10, 226),
    "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "msync": (26, 227),
    "mincore": (27, 232), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "sigaltstack": (131, 132), "restart_syscall": (219, 128),
    "futex": (202, 98), "set_robust_list": (273, 99), "set_tid_address": (218, 96),
    "rseq": (334, 293), "membarrier": (324, 283), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "getcpu": (309, 168), "exit": (60, 93),
    "exit_group": (231, 94), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "gettimeofday": (96, 169), "time": (201, None),
    "nanosleep": (35, 101), "times": (100, 153), "getrusage": (98, 165), "sysinfo": (99, 179),
    "uname": (63, 160), "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173),
    "getpgid": (121, 155), "getpgrp": (111, None), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getpriority": (140, 141),
    "getrlimit": (97, 163), "getrandom": (318, 278), "poll": (7, None), "ppoll": (271, 73),
    "select": (23, None), "pselect6": (270, 72),
}
# In folders that a process may change.
IN_FOLDERS = {
    "mkdir": (83, None), "mkdirat": (258, 34), "unlink": (87, None), "unlinkat": (263, 35),
    "rmdir": (84, None), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "pipe2": (293, 59),
}
# Those that are harmless with some arguments only; see `inference.core.confinement.seccomp`.
WITH_CONDITIONS = {
    "open": (2, None), "openat": (257, 56),
    "kill": (62, 129), "tgkill": (234, 131), "fcntl": (72, 25), "ioctl": (16, 29),
    "prctl": (157, 167), "prlimit64": (302, 261), "clone": (56, 220),
}
# fmt: on


def list_numbers(
    machine: str, calls: Mapping[str, tuple[int | None, int | None]]
) -> dict[str, int]:
    """Return the number of each call that the machine has."""
    column = _COLUMNS[machine]
    numbers = {name: both[column] for name, both in calls.items()}
    return {name: number for name, number in numbers.items() if number is not None}
