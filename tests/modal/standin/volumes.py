"""What `modal.Volume` asks for, from clients and from containers."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal.standin.blobs import Contents
from tests.modal.standin.containers import Container
from tests.modal.standin.stores import Named
from tests.modal.standin.volume_files import VolumeFiles, survey
from tests.modal.standin.volume_mounts import OpenFiles, VolumeMount

BLOCK_SIZE = 8 * 1024 * 1024  # bytes; the client cuts downloads at multiples of it
_ENTRIES = 500  # in one part of a listing
_ENTRY_TYPES = {
    stat.S_IFREG: pb.FileEntry.FILE,
    stat.S_IFDIR: pb.FileEntry.DIRECTORY,
    stat.S_IFLNK: pb.FileEntry.SYMLINK,
}


class Volumes:
    """All Volumes, in `folder`; `address` is that of the HTTP front, which carries downloads."""

    def __init__(self, folder: Path, contents: Contents, address: str) -> None:
        self._folder, self._contents, self._address = folder, contents, address
        self._volumes: Named[VolumeFiles] = Named("Volume", "vo", self._new)
        self._downloads: dict[str, Path] = {}
        self._count = 0

    def _new(self) -> VolumeFiles:
        self._count += 1
        return VolumeFiles(self._folder / str(self._count))

    def folders(self) -> dict[str, str]:
        """Where the committed files of each named Volume are."""
        return {n: str(self._volumes[i].content) for n, i in self._volumes.ids.items()}

    def name(self, volume_id: str) -> str:
        """Its name, or ""."""
        return self._volumes.name(volume_id)

    def mounts(self, function: pb.Function, folder: Path, root: Path) -> list[VolumeMount]:
        """Views for a container of that function."""
        wanted: dict[str, bool] = {}
        for mount in function.volume_mounts:
            only_read = wanted.get(mount.volume_id, True) and mount.read_only
            wanted[mount.volume_id] = only_read
        return [
            VolumeMount(i, self._volumes[i], folder / i, root, only_read)
            for i, only_read in wanted.items()
        ]

    def download(self, name: str, block: int) -> bytes:
        """A block of a file that somebody asked for."""
        with self._downloads[name].open("rb") as file:
            file.seek(block * BLOCK_SIZE)
            return file.read(BLOCK_SIZE)

    async def VolumeGetOrCreate(self, r: Any, peer: object) -> pb.VolumeGetOrCreateResponse:
        volume_id = self._volumes.get_or_create(r.deployment_name, r.object_creation_type)
        return pb.VolumeGetOrCreateResponse(
            volume_id=volume_id, metadata=pb.VolumeMetadata(name=r.deployment_name)
        )

    async def VolumeGetById(self, r: Any, peer: object) -> pb.VolumeGetByIdResponse:
        metadata = pb.VolumeMetadata(name=self._volumes.name(r.volume_id))
        return pb.VolumeGetByIdResponse(volume_id=r.volume_id, metadata=metadata)

    async def VolumeList(self, r: Any, peer: object) -> pb.VolumeListResponse:
        items = [
            pb.VolumeListItem(label=n, volume_id=i, metadata=pb.VolumeMetadata(name=n))
            for n, i in self._volumes.ids.items()
        ]
        return pb.VolumeListResponse(items=items, environment_name="main")

    async def VolumeDelete(self, r: Any, peer: object) -> None:
        self._volumes[r.volume_id].remove("")
        self._volumes.delete(r.volume_id)

    async def VolumeHeartbeat(self, r: Any, peer: object) -> None:
        """An unnamed one is still in use."""

    async def VolumePutFiles(self, r: Any, peer: object) -> None:
        files = self._volumes[r.volume_id]
        for file in r.files:
            target = files.inside(file.filename)
            if target.is_dir() or (target.exists() and r.disallow_overwrite_existing_files):
                raise GRPCError(
                    Status.ALREADY_EXISTS, f"{file.filename}: already exists in the volume"
                )
        for file in r.files:
            source, mode = self._contents.path(file.sha256_hex), file.mode & 0o777 or 0o644
            await asyncio.to_thread(files.put, source, file.filename, mode)

    async def VolumeGetFile2(self, r: Any, peer: object) -> pb.VolumeGetFile2Response:
        files = self._volumes[r.volume_id]
        if not files.inside(r.path).is_file():
            raise GRPCError(Status.NOT_FOUND, f"No such file: {r.path}")
        if r.start or r.len:
            raise GRPCError(Status.UNIMPLEMENTED, "The stand-in reads whole files.")
        pinned = files.pin(r.path)
        name, size = f"{r.volume_id}-{pinned.name}", pinned.stat().st_size
        self._downloads[name] = pinned
        blocks = range(-(-size // BLOCK_SIZE))
        urls = [f"{self._address}/__volume/{quote(name)}/{block}" for block in blocks]
        return pb.VolumeGetFile2Response(get_urls=urls, size=size, start=0, len=size)

    async def VolumeListFiles(
        self, r: Any, peer: object
    ) -> AsyncIterator[pb.VolumeListFilesResponse]:
        entries = self._entries(r)
        for first in range(0, len(entries), _ENTRIES):
            yield pb.VolumeListFilesResponse(entries=entries[first : first + _ENTRIES])

    async def VolumeListFiles2(
        self, r: Any, peer: object
    ) -> AsyncIterator[pb.VolumeListFiles2Response]:
        entries = self._entries(r)
        for first in range(0, len(entries), _ENTRIES):
            yield pb.VolumeListFiles2Response(entries=entries[first : first + _ENTRIES])

    def _entries(self, r: Any) -> list[pb.FileEntry]:
        """The file or what is in the folder, with paths from the Volume's root."""
        files = self._volumes[r.volume_id]
        start = files.inside(r.path)
        if not start.exists():
            raise GRPCError(Status.NOT_FOUND, f"No such file or directory: {r.path}")
        if start.is_file():
            return [_entry(start, files.content)]
        paths = survey(start)
        return [
            _entry(start / path, files.content) for path in paths if r.recursive or "/" not in path
        ]

    async def VolumeRemoveFile(self, r: Any, peer: object) -> None:
        files = self._volumes[r.volume_id]
        target = files.inside(r.path)
        if not target.exists() and not target.is_symlink():
            raise GRPCError(Status.NOT_FOUND, f"No such file or directory: {r.path}")
        if target.is_dir() and not target.is_symlink() and not r.recursive:
            raise GRPCError(Status.INVALID_ARGUMENT, f"{r.path} is a directory")
        await asyncio.to_thread(files.remove, r.path)

    async def VolumeRemoveFile2(self, r: Any, peer: object) -> None:
        await self.VolumeRemoveFile(r, peer)

    async def VolumeCommit(self, r: Any, peer: Container | None) -> pb.VolumeCommitResponse:
        container, mount = _mounted(peer, r.volume_id)
        await asyncio.to_thread(mount.commit, container.pid())
        return pb.VolumeCommitResponse(skip_reload=True)

    async def VolumeReload(self, r: Any, peer: Container | None) -> None:
        container, mount = _mounted(peer, r.volume_id)
        try:
            await asyncio.to_thread(mount.reload, container.pid())
        except OpenFiles:
            message = f"{r.volume_id}: there are open files preventing the operation"
            raise GRPCError(Status.FAILED_PRECONDITION, message) from None


def _mounted(peer: Container | None, volume_id: str) -> tuple[Container, VolumeMount]:
    mount = next((m for m in peer.mounts if m.volume_id == volume_id), None) if peer else None
    if peer is None or mount is None:
        raise GRPCError(Status.NOT_FOUND, f"Volume {volume_id} is not mounted here")
    return peer, mount


def _entry(path: Path, content: Path) -> pb.FileEntry:
    info = path.lstat()
    return pb.FileEntry(
        path=str(PurePosixPath(path.relative_to(content))),
        type=_ENTRY_TYPES[stat.S_IFMT(info.st_mode)],
        mtime=int(info.st_mtime),
        size=info.st_size,
    )
