"""Large values and uploaded files, which travel over HTTP and are kept on disk."""

import shutil
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb


class Blobs:
    """Values too large for a message; `address` is that of the HTTP front which carries them."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address, self._count = folder, address, 0
        folder.mkdir(parents=True)

    def path(self, blob_id: str) -> Path:
        """Where its bytes are, or will be."""
        return self._folder / blob_id

    def read(self, blob_id: str) -> bytes:
        """Its bytes."""
        return self.path(blob_id).read_bytes()

    async def BlobCreate(self, r: Any, peer: object) -> pb.BlobCreateResponse:
        self._count += 1
        blob_id = f"bl-{self._count}"
        urls = pb.UploadUrlList(items=[f"{self._address}/__blob/{blob_id}"])
        return pb.BlobCreateResponse(blob_ids=[blob_id], upload_urls=urls)

    async def BlobGet(self, r: Any, peer: object) -> pb.BlobGetResponse:
        if not self.path(r.blob_id).exists():
            raise GRPCError(Status.NOT_FOUND, f"Blob '{r.blob_id}' not found")
        return pb.BlobGetResponse(download_url=f"{self._address}/__blob/{r.blob_id}")


class Contents:
    """What uploaded files contain, each once, by their SHA-256; for images' files and Volumes."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._folder, self._blobs = folder, blobs
        folder.mkdir(parents=True)

    def path(self, sha256: str) -> Path:
        """The file of that content."""
        return self._folder / sha256

    async def MountBatchedCheckExistence(
        self, r: Any, peer: object
    ) -> pb.MountBatchedCheckExistenceResponse:
        missing = [h for h in r.sha256_hex_hashes if not self.path(h).exists()]
        return pb.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(self, r: Any, peer: object) -> pb.MountPutFileResponse:
        target = self.path(r.sha256_hex)
        part = target.with_suffix(".part")
        match r.WhichOneof("data_oneof"):
            case "data":
                part.write_bytes(r.data)
                part.replace(target)
            case "data_blob_id":
                shutil.copyfile(self._blobs.path(r.data_blob_id), part)
                part.replace(target)
        return pb.MountPutFileResponse(exists=target.exists())
