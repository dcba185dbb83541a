"""Delivery of the finished video: complete, or not at all."""

import os
import shutil
from pathlib import Path

from inference.core.errors import Fault, FaultCode, InputCode, InputError

_MAX_NAME_BYTES = 240  # file systems allow 255; the partial file's name is longer


def require_writable(target: Path) -> None:
    """Check early that a video can be written to `target`.

    Raises InputError if `target` can't be a video's name, Fault if its folder is read-only.
    """
    if len(target.name.encode(errors="replace")) > _MAX_NAME_BYTES:
        message = "The video's file name is too long. Give it a shorter one."
        raise InputError(InputCode.BAD_OPTION, message)
    if target.is_dir():
        message = f"{target} is a folder. Give the video a file name in it, such as out.mp4."
        raise InputError(InputCode.BAD_OPTION, message)
    if target.suffix.lower() != ".mp4":
        message = f"{target.name} does not end in .mp4, which is what is made. Name it so."
        raise InputError(InputCode.BAD_OPTION, message)
    if target.exists() and not target.is_file():
        message = f"{target} is no ordinary file. Choose another name for the video."
        raise InputError(InputCode.BAD_OPTION, message)
    folder = target.resolve().parent
    if not folder.is_dir():
        message = f"There is no folder {folder}. Create it or choose another place."
        raise InputError(InputCode.NOT_FOUND, message)
    if not os.access(folder, os.W_OK):
        message = f"{folder} can't be written to. Choose another place for the video."
        raise Fault(FaultCode.OUTPUT_NOT_WRITABLE, message)


def copy_into_place(source: Path, target: Path) -> None:
    """Copy `source` to `target` in one visible move; on an OSError nothing is left behind."""
    target = target.resolve()  # a symbolic link stays, and points to the new video
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, part)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
