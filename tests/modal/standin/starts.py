"""How containers are started, and what it costs when that fails."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from modal_proto import api_pb2 as pb

from presets.gpus import find_hourly_price
from tests.modal.standin.containers import Container
from tests.modal.standin.deploys import Deploys
from tests.modal.standin.images import Images, Secrets
from tests.modal.standin.volumes import Volumes

_HOUR_S = 3600


@dataclass
class Failures:
    """Starts of a function that failed, and what was to be paid for them."""

    count: int = 0
    seconds: float = 0.0
    dollars: float = 0.0  # of its GPU


class Starts:
    """Starts containers, whose files are below `folder`.

    `serve` lets one talk to the server and returns how to end that.
    """

    def __init__(
        self, folder: Path, deploys: Deploys, images: Images, secrets: Secrets, volumes: Volumes
    ) -> None:
        self._folder, self._deploys, self._images = folder, deploys, images
        self._secrets, self._volumes = secrets, volumes
        self.serve: Callable[[Container], Coroutine[Any, Any, Callable[[], None]]]
        self.failures: defaultdict[str, Failures] = defaultdict(Failures)  # by function
        self._count = 0

    def new(self, function_id: str) -> Container:
        """A container that is not started yet."""
        self._count += 1
        task_id, function = f"ta-{self._count}", self._deploys.get(function_id).function
        container = Container(task_id, function_id, function, self._folder / "tasks" / task_id)
        container.snapshot = function.checkpointing_enabled and self._deploys.lasts(function_id)
        return container

    async def begin(self, container: Container) -> Callable[[], None]:
        """Start it; returns how to end talking to it."""
        function, folder = pb.Function(), container.folder
        function.CopyFrom(container.function)
        function.is_checkpointing_function = container.snapshot
        app_id = self._deploys.get(container.function_id).app_id
        container.mounts = self._volumes.mounts(function, folder / "volumes", container.root)
        await asyncio.to_thread(self._images.write, function, folder / "layer")
        arguments = pb.ContainerArguments(
            task_id=container.task_id,
            function_id=container.function_id,
            app_id=app_id,
            function_def=function,
            serialized_params=self._deploys.parameters(container.function_id),
            environment_name="main",
            app_layout=self._deploys.layout(app_id),
            checkpoint_id=f"ch-{container.task_id}" if container.snapshot else "",
        )
        (container.io / "arguments").write_bytes(arguments.SerializeToString())
        variables = self._images.environment(function.image_id)
        variables |= self._secrets.environment(list(function.secret_ids))
        close = await self.serve(container)
        await container.start(variables, self._images.folder_of_work(function.image_id))
        return close

    def failed(self, container: Container) -> None:
        """It never got so far as to ask for an input, and is paid for all the same."""
        failures, seconds = (
            self.failures[container.function.function_name],
            time() - container.since,
        )
        gpu = container.function.resources.gpu_config
        hourly = find_hourly_price([gpu.gpu_type]) * max(gpu.count, 1) if gpu.gpu_type else 0.0
        failures.count += 1
        failures.seconds += seconds
        failures.dollars += seconds / _HOUR_S * hourly
