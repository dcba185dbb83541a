"""Downloads as a person sees them, without torch: files of a few bytes under their real names.

`python -m tests.support.weights_runner HUB_FOLDER ...` is `python -m weights ...` for these. They
can be fetched and laid out, not loaded; `tests.support.tiny_weights` has those of a model that
works.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference.core.settings import ROOT
from tests.support.hub import Hub
from weights import __main__ as command_line
from weights.lock import LockFile
from weights.manifest import MULTITALK_14B, VOICE_CONFIG, HubFile, Manifest
from weights.sets import download_path, lock_path

PATIENCE_S = 30
FILES = MULTITALK_14B.files
_KNOWN = "known.json"


def manifest(hub: Path) -> Manifest:
    """The real manifest, with nothing known of sizes and hashes but what `know` was told."""
    files = []
    for file in FILES:
        known = {"size_bytes": None, "sha256": None} | _known(hub).get(file.key, {})
        repo = replace(file.repo, revision=known.pop("revision", file.repo.revision))
        files.append(replace(file, repo=repo, **known))
    return replace(MULTITALK_14B, files=tuple(files))


def know(hub: Path, file: HubFile, **known: str | int) -> None:
    """Let the manifest say this of a file: `size_bytes`, `sha256` or `revision`."""
    (hub / _KNOWN).write_text(json.dumps(_known(hub) | {file.key: known}))


def _known(hub: Path) -> dict[str, dict[str, Any]]:
    path = hub / _KNOWN
    return dict(json.loads(path.read_text())) if path.exists() else {}


def content(file: HubFile) -> bytes:
    """What the file holds on the hub; long ones are kept in LFS, as there. What is looked into
    after a download fits the model."""
    if file.path_in_set == VOICE_CONFIG:
        return json.dumps({"of": file.key}).encode()
    size = 3000 if file.name.endswith(".safetensors") else 100
    noise = hashlib.shake_256(file.key.encode())
    return lora_of(noise.digest(256)) if file.lora else noise.digest(size)


def lora_of(data: bytes, key: str = "diffusion_model.head.head.diff_b") -> bytes:
    """A LoRA of one tensor, 3000 bytes long."""
    tensor = {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [0, len(data)]}
    header = json.dumps({key: tensor}).encode().ljust(3000 - 8 - len(data))
    return len(header).to_bytes(8, "little") + header + data


def keys(files: Iterable[HubFile]) -> list[str]:
    """Their names with their repositories', sorted."""
    return sorted(file.key for file in files)


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    status: int
    out: str
    err: str

    def told(self, status: int = 1) -> str:
        """The one line that it said of its failure; all else would be noise for a person."""
        assert self.status == status, (self.out, self.err)
        assert "Traceback" not in self.out + self.err
        (line,) = self.err.splitlines()
        assert line == line.strip() and (line.endswith(".") or status == 2), line
        return line


class Machine:
    """A machine with a folder of weights, below `folder`, and a hub that it reaches."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.hub, self.weights, self._home = hub, folder / "weights", folder / "home"
        self.original = self.weights / MULTITALK_14B.model / "original"
        for file in FILES:
            target = hub.folder / file.key
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content(file))
            hub.revisions.setdefault(file.repo.name, set()).add(file.repo.revision)

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """The command at work; `settings` are further variables of its environment."""
        return self.start_on(subprocess.PIPE, arguments, settings)

    def start_on(
        self, stderr: int, arguments: Sequence[str], settings: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """The same, with that for its standard error."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home)}
        environment |= {"HF_HOME": str(self._home), "PORTRAIT_WEIGHTS": str(self.weights)}
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.weights_runner",
                str(self.hub.folder),
                *arguments,
            ],
            cwd=ROOT,
            env=environment | self.hub.environment | dict(settings),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *arguments: str, **settings: str) -> Ended:
        return ended(self.start(*arguments, **settings))

    def download(self, *arguments: str, **settings: str) -> Ended:
        """A download that succeeds, and says nothing on standard error."""
        done = self.run("download", *arguments, **settings)
        assert (done.status, done.err) == (0, ""), done
        return done

    def stopped_at(self, file: HubFile, how: signal.Signals) -> Ended:
        """A download that is sent a signal while it waits for the rest of a file."""
        self.hub.stall[file.key] = len(content(file)) // 2
        process = self.start("download", HF_HUB_DOWNLOAD_TIMEOUT="600")
        try:
            assert self.hub.stalled.wait(PATIENCE_S)
            process.send_signal(how)
            return ended(process)
        finally:
            self.hub.release()

    def place(self, file: HubFile) -> Path:
        return download_path(self.weights, file)

    def lock(self) -> dict[str, Any]:
        """What was written down, by file."""
        path = self.weights / "lock.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def checked(self) -> list[str]:
        """Which files are there as they were checked."""
        lock = LockFile(lock_path(self.weights))
        return keys(f for f in FILES if lock.state(f, download_path(self.weights, f)) == "checked")

    def damage(self, file: HubFile, content: bytes) -> None:
        """Let it hold that instead, since a second after it was checked."""
        place = self.place(file)
        later = place.stat().st_mtime + 1
        place.write_bytes(content)
        os.utime(place, (later, later))

    def lose(self, *files: HubFile) -> None:
        """Delete them on this machine."""
        for file in files:
            self.place(file).unlink()

    def marked(self) -> bool:
        """Whether the model's files are said to be complete."""
        return (self.original / "complete.json").exists()

    def strays(self) -> list[Path]:
        """What half-done work leaves."""
        names = ("*.incomplete", ".arriving", "*.part")
        return [path for name in names for path in self.weights.rglob(name)]

    def copied(self, folder: Path, hub: Hub) -> "Machine":
        """Another machine with the same files, which reaches another hub."""
        shutil.copytree(self.weights, folder / "weights")
        return Machine(folder, hub)


def finished_in(out: str) -> list[str]:
    """The files that a download said are finished, some of them; each with its count and size."""
    lines = [line for line in out.splitlines() if re.match(r"\d+ of \d+: ", line)]
    assert lines
    for number, line in enumerate(lines, start=1):
        assert re.fullmatch(rf"{number} of \d+: .*, 0\.0 MB, 0\.[01] of 0\.1 MB", line), line
    return [line.split(": ")[1].split(", ")[0] for line in lines]


def ended(process: subprocess.Popen[str]) -> Ended:
    """The process at its end, which comes."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


if __name__ == "__main__":
    setattr(command_line, "MULTITALK_14B", manifest(Path(sys.argv[1])))  # noqa: B010
    sys.exit(command_line.main(sys.argv[2:]))
