"""Background commits: what containers write to Volumes is committed now and then by itself."""

import asyncio
import logging

from tests.modal.standin.containers import Container
from tests.modal.standin.fleet import Fleet

logger = logging.getLogger(__name__)


class Commits:
    """Commits for all containers every `interval_s`, while it is `on`."""

    def __init__(self, fleet: Fleet, interval_s: float) -> None:
        self._fleet, self._interval_s = fleet, interval_s
        self.on = True

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            for container in list(self._fleet.containers.values()) if self.on else []:
                await self._commit(container)

    async def _commit(self, container: Container) -> None:
        for mount in container.mounts:
            if not container.alive or container.killed:
                return
            try:
                await asyncio.to_thread(mount.commit, container.pid())
            except (ProcessLookupError, FileNotFoundError):
                return  # it has not begun yet, or has ended meanwhile
            except OSError as error:
                logger.warning("%s: %s", container.task_id, error)
