"""What Python processes in a container find different from this machine; each loads it first.

On a Volume there are no hard links, and what is asked about space has placeholders for answers. In
functions with a GPU, torch sees one, though nothing can be computed on it: once there is a GPU, and
never in a process that has asked before, because torch keeps the first answer. Who asked too soon
is printed, and that it was is kept in a file.
"""

import errno
import faulthandler
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_VOLUMES = "/__modal/volumes/"
_BLIND = "/__modal/io/blind"
_SIGN = os.environ.get("STANDIN_GPU_SIGN")  # the path that exists once there is a GPU
_ASKED = (
    "cuda.is_available",
    "cuda.device_count",
    "accelerator.is_available",
    "accelerator.device_count",
    "accelerator.current_accelerator",
)
_statvfs, _link = os.statvfs, os.link


def _is_on_volume(path: Any) -> bool:
    name = f"/proc/self/fd/{path}" if isinstance(path, int) else path
    return os.fsdecode(os.path.realpath(name)).startswith(_VOLUMES)


def _placeholders(path: Any) -> os.statvfs_result:
    """As a file system answers that does not know."""
    found = _statvfs(path)
    return os.statvfs_result((512, 512, *[0] * 7, 255)) if _is_on_volume(path) else found


def _refused(source: Any, target: Any, **options: Any) -> None:
    if _is_on_volume(source) or _is_on_volume(target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), source, None, target)
    _link(source, target, **options)


class _Torch:
    """Finds torch as Python does, and changes it once it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torch":
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_change(module: ModuleType) -> None:
                load(module)
                _change(module)

            vars(spec.loader)["exec_module"] = load_and_change
        return spec


def _change(torch: ModuleType) -> None:
    known: list[int] = []

    def look() -> int:
        if not known:
            known.append(int(os.path.exists(_SIGN or "")))
            if not known[0]:
                _tell()
        return known[0]

    def asked(answer: Callable[..., Any], counts: bool) -> Callable[..., Any]:
        return lambda *given, **named: look() if counts else (look(), answer(*given, **named))[1]

    for path in _ASKED:
        part, _, name = path.partition(".")
        module = vars(getattr(torch, part))
        module[name] = asked(module[name], counts=path == "cuda.device_count")


def _tell() -> None:
    print("torch was asked for devices before there was a GPU, by:", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(all_threads=False)
    open(_BLIND, "w").close()


vars(os).update(statvfs=_placeholders, link=_refused)
if _SIGN:
    sys.meta_path.insert(0, _Torch())
