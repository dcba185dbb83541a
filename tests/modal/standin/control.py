"""What a test may ask of the stand-in and do to it, over HTTP below /__standin/, as JSON."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web
from modal_proto import api_pb2 as pb

from tests.modal.standin.commits import Commits
from tests.modal.standin.containers import Container
from tests.modal.standin.deploys import Deployed, Deploys
from tests.modal.standin.fleet import Fleet
from tests.modal.standin.images import Images, Secrets
from tests.modal.standin.starts import Starts
from tests.modal.standin.volumes import Volumes


class Control:
    """Answers a test's questions; `unanswered` has the names of calls that nobody answered."""

    def __init__(
        self,
        deploys: Deploys,
        images: Images,
        secrets: Secrets,
        volumes: Volumes,
        fleet: Fleet,
        starts: Starts,
        commits: Commits,
        unanswered: set[str],
    ) -> None:
        self._deploys, self._images, self._secrets = deploys, images, secrets
        self._volumes, self._fleet, self._starts = volumes, fleet, starts
        self._commits, self._unanswered = commits, unanswered

    def add_to(self, application: web.Application) -> None:
        """Answer below /__standin/."""
        answers: dict[str, Callable[[], object]] = {
            "containers": lambda: [self._container(c) for c in self._fleet.containers.values()],
            "functions": lambda: [self._function(d) for d in self._published()],
            "images": lambda: {i: self._images.commands(i) for i in self._images.images},
            "volumes": self._volumes.folders,
            "failed-starts": lambda: {f: asdict(x) for f, x in self._starts.failures.items()},
            "runs": lambda: self._fleet.runs,
            "blind": self._blind,
            "unimplemented": lambda: sorted(self._unanswered),
        }
        for name, answer in answers.items():
            application.router.add_get(f"/__standin/{name}", _json(answer))
        application.router.add_post("/__standin/containers/{task}/kill", self._kill)
        application.router.add_post("/__standin/containers/{task}/preempt", self._preempt)
        application.router.add_post("/__standin/background-commits/{on}", self._switch)

    def _blind(self) -> list[str]:
        alive = (c.function.function_name for c in self._fleet.containers.values() if c.blind)
        return [*self._fleet.blind, *alive]

    def _published(self) -> list[Deployed]:
        ids = [i for app in self._deploys.running() for i in app.functions.values()]
        return [self._deploys.functions[i] for i in ids]

    def _container(self, container: Container) -> dict[str, object]:
        try:
            pid = container.pid()
        except OSError:
            pid = 0
        return {
            "task": container.task_id,
            "app": self._app(container.function_id),
            "function": container.function.function_name,
            "pid": pid,
            "running": list(container.running),
            "since": container.since,
            "ending": container.retired,
        }

    def _app(self, function_id: str) -> str:
        return self._deploys.apps[self._deploys.get(function_id).app_id].name

    def _function(self, deployed: Deployed) -> dict[str, object]:
        f = deployed.function
        limits, resources = f.autoscaler_settings, f.resources
        return {
            "app": self._deploys.apps[deployed.app_id].name,
            "name": f.function_name,
            "methods": sorted(f.method_definitions),
            "gpus": [gpu for gpu in map(_gpu, deployed.ranked) if gpu],
            "cpu": resources.milli_cpu / 1000,
            "memory_mb": resources.memory_mb,
            "timeout_s": f.timeout_secs,
            "startup_timeout_s": f.startup_timeout_secs,
            "retries": f.retry_policy.retries,
            "idle_s": f.task_idle_timeout_secs or limits.scaledown_window,
            "min_containers": limits.min_containers or f.warm_pool_size,
            "max_containers": limits.max_containers or f.concurrency_limit,
            "max_inputs": f.max_concurrent_inputs or 1,
            "single_use": f.single_use_containers,
            "volumes": [self._mount(mount) for mount in f.volume_mounts],
            "secrets": [self._secrets.name(secret_id) for secret_id in f.secret_ids],
            "image": f.image_id,
            "files": sorted(self._images.files(f)),
            "memory_snapshot": f.checkpointing_enabled,
            "experimental": dict(f.experimental_options),
            "web_url": f.web_url,
        }

    def _mount(self, mount: pb.VolumeMount) -> dict[str, object]:
        return {
            "path": mount.mount_path,
            "name": self._volumes.name(mount.volume_id),
            "read_only": mount.read_only,
            "sub_path": mount.sub_path,
        }

    def _asked(self, request: web.Request) -> Container:
        task = request.match_info["task"]
        if task not in self._fleet.containers:
            raise web.HTTPNotFound(text=f"There is no container {task}.")
        return self._fleet.containers[task]

    async def _kill(self, request: web.Request) -> web.Response:
        self._asked(request).kill()
        return web.json_response({})

    async def _preempt(self, request: web.Request) -> web.Response:
        self._fleet.do(self._fleet.preempt(self._asked(request)))
        return web.json_response({})

    async def _switch(self, request: web.Request) -> web.Response:
        self._commits.on = request.match_info["on"] == "on"
        return web.json_response({})


def _gpu(f: pb.Function) -> str:
    """As an app names it, like "H100" or "H100:2"."""
    config = f.resources.gpu_config
    return f"{config.gpu_type}:{config.count}" if config.count > 1 else str(config.gpu_type)


def _json(answer: Callable[[], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(answer())

    return handle
