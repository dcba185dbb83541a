"""Engines that run a task in a container of the deployed app on Modal and follow it from here."""

from collections.abc import Callable, Iterator

from inference.cloud.client import NO_ACCOUNT, ModalClient, has_account
from inference.cloud.remote_job import RemoteJob
from inference.core.engine import Availability, EngineOptions, convert_errors
from inference.core.errors import Fault, InputCode, InputError
from inference.core.events import Event
from inference.core.task import Task


class RemoteEngine:
    """Engine on the deployed app, with its model and GPU.

    Raises InputError when a model or a device is requested.
    """

    name = "modal"

    def __init__(self, options: EngineOptions, cloud: ModalClient | None = None) -> None:
        if options.model or options.device:
            message = "On Modal the model and the GPU are those of the deploy. Leave them out."
            raise InputError(InputCode.BAD_OPTION, message)
        self._cloud = cloud or ModalClient()

    def check_availability(self) -> Availability:
        """Query Modal, which takes a moment, unless this machine has no account."""
        if not has_account():
            return Availability(False, NO_ACCOUNT)
        try:
            self._cloud.require_deployed()
        except Fault as fault:
            return Availability(False, fault.message)
        return Availability(True)

    def describe(self) -> str:
        return ""

    def generate(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        return convert_errors(RemoteJob(self._cloud, task, cancelled).run(), task.folder)


class ContainerEngine(RemoteEngine):
    """Remote engine inside a container of the app, which is deployed and needs no account."""

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options, ModalClient(within=True))

    def check_availability(self) -> Availability:
        return Availability(True)
