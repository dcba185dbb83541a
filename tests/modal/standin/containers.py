"""Containers: processes of Modal's own runtime which see only what a container would see.

Each has namespaces of its own for mounts and processes. Its root is an overlay of this machine's
root in which the project, /root and /tmp are hidden; in their place are the files that were mounted
into the function, so a file that was forgotten is missing. What it writes is gone when it ends,
but for Volumes. Its first process is a shell that waits for the runtime, and when that ends the
kernel ends all the others with it. The same happens when the server ends, however it ends.
"""

import asyncio
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

from modal_proto import api_pb2 as pb

from tests.modal.standin.call import Call
from tests.modal.standin.volume_mounts import VolumeMount
from tests.support.processes import ON_FEW_CORES

PROJECT = Path(__file__).parents[3]
_HIDDEN = (str(PROJECT), "/root", "/tmp")
_WORLD = "/__modal"  # what is Modal's in a container
_RESTORED = "restored.json"  # in `io`: the runtime waits for it after a snapshot
_INSIDE = Path(__file__).with_name("sitecustomize.py")
_COMMAND = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]


class Container:
    """One of a function's containers, with what it is doing."""

    def __init__(self, task_id: str, function_id: str, function: pb.Function, folder: Path) -> None:
        self.task_id, self.function_id, self.function = task_id, function_id, function
        self.folder = folder
        self.root = folder / "box" / "root"  # seen only from inside
        self.io = folder / "io"  # its arguments, its socket and what Python loads first
        self.io.mkdir(parents=True)
        shutil.copy(_INSIDE, self.io)
        (folder / "box").mkdir()
        self.mounts: list[VolumeMount] = []
        self.running: dict[str, Call] = {}
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.since = self.last_used = time.time()
        self.snapshot = False  # its memory is kept before it asks for inputs
        self.ready = False  # it has asked for inputs
        self.retired = False  # it is to get no more inputs
        self.told_to_end = False
        self.killed = False
        self.excused = False  # it ends through no fault of what it runs
        self.failure: pb.GenericResult | None = None  # why it could not start
        self._process: asyncio.subprocess.Process | None = None

    @property
    def slots(self) -> int:
        """How many inputs it works on at a time."""
        return max(self.function.max_concurrent_inputs, 1)

    @property
    def blind(self) -> bool:
        """A process in it has asked for devices too early, and sees no GPU any more."""
        return (self.io / "blind").exists()

    @property
    def alive(self) -> bool:
        """Its process has not ended, as far as is known."""
        return self._process is None or self._process.returncode is None

    async def start(self, variables: dict[str, str], folder_of_work: str) -> None:
        """Start the process; the project's files for it lie in the folder `layer`."""
        script = self.folder / "start.sh"
        lines = await asyncio.to_thread(lambda: list(self._script(folder_of_work)))
        script.write_text("\n".join(lines))
        self._process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            "sh",
            str(script),
            env=self._environment() | ON_FEW_CORES | variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    def restore(self) -> None:
        """Go on after the snapshot; from now on there is a GPU."""
        part = self.io / "part"
        part.write_text(json.dumps({"task_id": self.task_id}))
        part.rename(self.io / _RESTORED)

    def _environment(self) -> dict[str, str]:
        found = {
            "PATH": os.environ["PATH"],
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": f"{_WORLD}/io:/root",
            "MODAL_TASK_ID": self.task_id,
            "MODAL_IS_REMOTE": "1",
            "MODAL_SERVER_URL": f"unix://{_WORLD}/io/sock",
            "MODAL_ENVIRONMENT": "main",
            "MODAL_CONTAINER_ARGUMENTS_PATH": f"{_WORLD}/io/arguments",
            "MODAL_IMAGE_ID": self.function.image_id,
            "MODAL_RESTORE_STATE_PATH": f"{_WORLD}/io/{_RESTORED}",
        }
        if self.snapshot:
            found["MODAL_ENABLE_SNAP_RESTORE"] = "1"
        if self.function.resources.gpu_config.gpu_type:
            late = found["MODAL_RESTORE_STATE_PATH"]
            found["STANDIN_GPU_SIGN"] = late if self.snapshot else _WORLD
        return found

    def _script(self, folder_of_work: str) -> Iterator[str]:
        box, root = shlex.quote(f"{self.folder}/box"), shlex.quote(str(self.root))
        yield "set -e"
        yield f"mount -t tmpfs standin {box}"
        yield f"mkdir {box}/upper {box}/work {root}"
        layers = f"lowerdir=/,upperdir={self.folder}/box/upper,workdir={self.folder}/box/work"
        yield f"mount -t overlay standin -o {shlex.quote(layers)} {root}"
        yield f"mount -t proc proc {root}/proc"
        for path in map(shlex.quote, _mounted_here()):
            yield f"mount --rbind {path} {root}{path} 2>/dev/null || true"
        for path in map(shlex.quote, _HIDDEN):
            yield f"mkdir -p {root}{path}; mount -t tmpfs standin {root}{path}"
        for path in map(shlex.quote, _kept()):
            yield f"mkdir -p {root}{path}; mount --rbind {path} {root}{path}"
        yield f"cp -a {shlex.quote(f'{self.folder}/layer')}/. {root}"
        io = shlex.quote(str(self.io))
        yield f"mkdir -p {root}{_WORLD}/io; mount --bind {io} {root}{_WORLD}/io"
        yield from self._volumes(root)
        arguments = shlex.join(
            [folder_of_work, sys.executable, "-m", "modal._container_entrypoint"]
        )
        yield f"mkdir -p {root}{shlex.quote(folder_of_work)}; status=0"
        # not exec: the runtime is not the first process, for which signals work differently
        yield f"""chroot {root} sh -c 'cd "$0" && exec "$@"' {arguments} || status=$?"""
        yield "exit $status"

    def _volumes(self, root: str) -> Iterator[str]:
        for mount in self.mounts:
            yield f"mkdir -p {root}{mount.place}"
            yield mount.prepare()
        for wanted in self.function.volume_mounts:
            path = shlex.quote(wanted.mount_path)
            place = f"{_WORLD}/volumes/{wanted.volume_id}"
            if wanted.sub_path:
                place = f"{place}/{wanted.sub_path.strip('/')}"
                yield f"mkdir -p {root}{shlex.quote(place)}"
            yield f"""mkdir -p "$(dirname {root}{path})"; rm -rf {root}{path}"""
            yield f"ln -s {shlex.quote(place)} {root}{path}"

    async def output(self) -> AsyncIterator[bytes]:
        """The lines it prints, until it has ended."""
        assert self._process and self._process.stdout
        rest = b""
        while chunk := await self._process.stdout.read(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest + b"\n"

    async def wait(self) -> int:
        """Its exit status: above 128 if a signal ended the runtime."""
        assert self._process
        return await self._process.wait()

    def pid(self) -> int:
        """The runtime's process, as seen from outside; raises OSError if it has ended."""
        if self._process is None:
            raise ProcessLookupError("it is being started")
        shell = _child(self._process.pid)
        return _child(shell)

    def interrupt(self) -> bool:
        """Ask it to end in order, as Modal does; False if it cannot be asked yet, or any more."""
        self.told_to_end = self.retired = True
        try:
            os.kill(self.pid(), signal.SIGINT)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it at once; nothing more of it is committed."""
        self.killed = self.retired = True
        with suppress(OSError):
            os.kill(self.pid(), signal.SIGKILL)
            return
        if self._process:
            with suppress(ProcessLookupError):
                self._process.kill()


def _child(pid: int) -> int:
    """The first child of a process; raises OSError if it has none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if not children:
        raise ProcessLookupError(f"process {pid} has no children")
    return int(children[0])


def _mounted_here() -> list[str]:
    """Where something is mounted on this machine, without what lies below another one."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = {line.split()[4].encode().decode("unicode_escape") for line in lines}
    found: list[str] = []
    for place in sorted(places - {"/", "/proc"}):
        if not any(place.startswith(f"{other}/") for other in ["/proc", *found]):
            found.append(place)
    return found


def _kept() -> list[str]:
    """Where Python and its packages are, if that is hidden otherwise."""
    prefixes = {sys.prefix, sys.base_prefix}
    return sorted(p for p in prefixes if any(p.startswith(f"{h}/") for h in _HIDDEN))
