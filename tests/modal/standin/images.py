"""Images with the files put into them, and Secrets: what a container is made of.

No image is built. What can be seen of it is its commands in order, and in a container its
variables, its folder of work and the project's files: those that were mounted and those that
`COPY . FOLDER` puts in.
"""

import hashlib
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal.standin.blobs import Contents
from tests.modal.standin.dispatch import found
from tests.modal.standin.stores import Named

_HOME = "/root"  # where Modal's containers work


class Images:
    """Images and mounts by their ids; files that are `replaced` have another text in containers."""

    def __init__(self, contents: Contents, replaced: dict[str, str]) -> None:
        self._contents, self._replaced = contents, replaced
        self.images: dict[str, pb.Image] = {}
        self._mounts: dict[str, list[pb.MountFile]] = {}

    def commands(self, image_id: str) -> list[str]:
        """The lines of its Dockerfile, from the base to the top, each layer's before what is in
        the files it copies from the machine that deployed."""
        return [line for image in self._layers(image_id) for line in _lines(image)]

    def environment(self, image_id: str) -> dict[str, str]:
        """The variables that its commands set."""
        found: dict[str, str] = {}
        for command in self.commands(image_id):
            if command.startswith("ENV "):
                pairs = (part.partition("=") for part in shlex.split(command)[1:])
                found |= {name: value for name, _, value in pairs}
        return found

    def folder_of_work(self, image_id: str) -> str:
        """Where its processes start."""
        folders = [c.split(None, 1)[1] for c in self.commands(image_id) if c.startswith("WORKDIR ")]
        return folders[-1] if folders else _HOME

    def files(self, function: pb.Function) -> dict[str, pb.MountFile]:
        """The project's files in the function's containers, by their paths."""
        found: dict[str, pb.MountFile] = {}
        for image in self._layers(function.image_id):
            for command in image.dockerfile_commands:
                if command.startswith("COPY . ") and image.context_mount_id:
                    target = Path("/", command.removeprefix("COPY . "))
                    for file in self._mounts[image.context_mount_id]:
                        found[str(target / file.filename.lstrip("/"))] = file
        for mount_id in function.mount_ids:
            found |= {str(Path("/", f.filename)): f for f in self._mounts[mount_id]}
        return found

    def write(self, function: pb.Function, folder: Path) -> None:
        """Put those files below `folder`."""
        for path, file in self.files(function).items():
            target = folder / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._contents.path(file.sha256_hex), target)
            if file.mode:
                target.chmod(file.mode & 0o777)
            if path in self._replaced:
                target.write_text(self._replaced[path])

    def _layers(self, image_id: str) -> Iterator[pb.Image]:
        image = self.images.get(image_id)
        if image is not None:
            for base in image.base_images:
                yield from self._layers(base.image_id)
            yield image

    async def ImageGetOrCreate(self, r: Any, peer: object) -> pb.ImageGetOrCreateResponse:
        content = r.image.SerializeToString(deterministic=True)
        image_id = "im-" + hashlib.sha256(content).hexdigest()[:12]
        self.images[image_id] = r.image
        return pb.ImageGetOrCreateResponse(
            image_id=image_id,
            result=pb.GenericResult(status=pb.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=pb.ImageMetadata(image_builder_version=r.builder_version),
        )

    async def MountGetOrCreate(self, r: Any, peer: object) -> pb.MountGetOrCreateResponse:
        mount_id = f"mo-{len(self._mounts) + 1}"
        self._mounts[mount_id] = list(r.files)
        return pb.MountGetOrCreateResponse(
            mount_id=mount_id,
            handle_metadata=pb.MountHandleMetadata(content_checksum_sha256_hex="0"),
        )


class Secrets:
    """What `modal.Secret` asks for."""

    def __init__(self, secrets: dict[str, dict[str, str]]) -> None:
        self._secrets: Named[dict[str, str]] = Named("Secret", "st", dict)
        for name, values in secrets.items():
            secret_id = self._secrets.get_or_create(name, pb.OBJECT_CREATION_TYPE_CREATE_IF_MISSING)
            self._secrets[secret_id].update(values)

    def environment(self, secret_ids: list[str]) -> dict[str, str]:
        """The variables that they set."""
        return {k: v for secret_id in secret_ids for k, v in self._secrets[secret_id].items()}

    def name(self, secret_id: str) -> str:
        """Its name, "" for one that was made from a dict."""
        return self._secrets.name(secret_id)

    async def SecretGetOrCreate(self, r: Any, peer: object) -> pb.SecretGetOrCreateResponse:
        overwrite = r.object_creation_type == pb.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS
        secret_id = self._secrets.get_or_create(r.deployment_name, r.object_creation_type)
        values = self._secrets[secret_id]
        if overwrite or not values:
            values.clear()
            values.update(r.env_dict)
        missing = [key for key in r.required_keys if key not in values]
        if missing:
            raise GRPCError(
                Status.FAILED_PRECONDITION, f"Secret is missing key(s): {', '.join(missing)}"
            )
        metadata = pb.SecretMetadata(name=r.deployment_name)
        return pb.SecretGetOrCreateResponse(secret_id=secret_id, metadata=metadata)

    async def SecretList(self, r: Any, peer: object) -> pb.SecretListResponse:
        items = [
            pb.SecretListItem(label=n, secret_id=i, metadata=pb.SecretMetadata(name=n))
            for n, i in self._secrets.ids.items()
        ]
        return pb.SecretListResponse(items=items, environment_name="main")

    async def SecretDelete(self, r: Any, peer: object) -> None:
        found(self._secrets.objects, r.secret_id, "Secret")
        self._secrets.delete(r.secret_id)


def _lines(image: pb.Image) -> list[str]:
    copied = [file.data.decode() for file in image.context_files]
    lines = [line for text in copied for line in text.splitlines() if not line.startswith("#")]
    return [*image.dockerfile_commands, *lines]
