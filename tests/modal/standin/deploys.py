"""Apps with their functions and classes: what `modal deploy` and `modal run` hand over."""

import hashlib
import itertools
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal.standin.dispatch import found

GPUS = frozenset(
    "ANY T4 L4 A10 A10G L40S A100 A100-40GB A100-80GB RTX-PRO-6000 H100 H200 B200".split()
)


@dataclass
class App:
    """An app with the ids of what it has, by name; `output` is what its containers print."""

    app_id: str
    name: str
    state: int
    functions: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)


@dataclass
class Deployed:
    """A function as it was sent, with its alternatives in the order of preference."""

    app_id: str
    function: pb.Function
    ranked: list[pb.Function]


class Deploys:
    """Apps, functions and classes; `port` is that of the HTTP front, where functions answer.

    `published` and `stopped` are called with an app that has new functions, or has come to its end.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.apps: dict[str, App] = {}
        self.deployed: dict[str, str] = {}  # an app's id by its name
        self.functions: dict[str, Deployed] = {}
        self._bound: dict[str, tuple[str, bytes]] = {}  # a class's function and its parameters
        self._class_numbers = itertools.count(1)
        self.published: Callable[[str], Awaitable[None]]
        self.stopped: Callable[[str], Awaitable[None]]

    def get(self, function_id: str) -> Deployed:
        """The function behind an id, which may be that of a class with parameters."""
        return found(self.functions, self.base(function_id), "Function")

    def base(self, function_id: str) -> str:
        """The id of the function without parameters."""
        return self._bound.get(function_id, (function_id, b""))[0]

    def lasts(self, function_id: str) -> bool:
        """Its app was deployed, not just run."""
        return self.apps[self.get(function_id).app_id].state == pb.APP_STATE_DEPLOYED

    def parameters(self, function_id: str) -> bytes:
        """The serialized parameters of a class."""
        return self._bound.get(function_id, ("", b""))[1]

    def behind(self, host: str) -> str | None:
        """The id of the web function that answers for that host."""
        url = f"http://{host}:{self._port}"
        published = (i for app in self.running() for i in app.functions.values())
        return next((i for i in published if self.functions[i].function.web_url == url), None)

    def running(self) -> list[App]:
        """The apps that have not come to their end."""
        return [app for app in self.apps.values() if app.state != pb.APP_STATE_STOPPED]

    def layout(self, app_id: str) -> pb.AppLayout:
        """All that is in an app, as its containers want to know it."""
        app, layout = found(self.apps, app_id, "App"), pb.AppLayout()
        for tag, function_id in app.functions.items():
            layout.function_ids[tag] = function_id
            metadata = self._metadata(function_id)
            layout.objects.add(object_id=function_id, function_handle_metadata=metadata)
        for tag, class_id in app.classes.items():
            layout.class_ids[tag] = class_id
            layout.objects.add(object_id=class_id, class_handle_metadata=pb.ClassHandleMetadata())
        known = {o.object_id for o in layout.objects}
        for function_id in app.functions.values():
            for needed in self.functions[function_id].function.object_dependencies:
                if needed.object_id not in known:
                    known.add(needed.object_id)
                    layout.objects.add(object_id=needed.object_id)
        return layout

    def _metadata(self, function_id: str) -> pb.FunctionHandleMetadata:
        deployed, base = self.get(function_id), self.base(function_id)
        f = deployed.function
        metadata = pb.FunctionHandleMetadata(
            function_name=f.function_name,
            function_type=f.function_type,
            web_url=f.web_url,
            definition_id=f"de{base[2:]}",
            function_schema=f.function_schema,
            app_id=deployed.app_id,
            class_parameter_info=f.class_parameter_info,
            supported_input_formats=f.supported_input_formats,
            supported_output_formats=f.supported_output_formats,
        )
        for name, method in f.method_definitions.items():
            metadata.method_handle_metadata[name].CopyFrom(
                pb.FunctionHandleMetadata(
                    function_name=method.function_name,
                    function_type=method.function_type,
                    web_url=method.web_url,
                    is_method=True,
                    use_method_name=name,
                    function_schema=method.function_schema,
                    app_id=deployed.app_id,
                    supported_input_formats=method.supported_input_formats,
                    supported_output_formats=method.supported_output_formats,
                )
            )
        return metadata

    def _store(self, function_id: str, deployed: Deployed) -> None:
        f = deployed.function
        if f.webhook_config.type:
            name = f"{self.apps[deployed.app_id].name}-{f.function_name}".lower()
            f.web_url = f"http://{re.sub(r'[^a-z0-9]+', '-', name)}.localhost:{self._port}"
        self.functions[function_id] = deployed

    def _new_id(self) -> str:
        return f"fu-{len(self.functions) + 1}"

    async def ClientHello(self, r: Any, peer: object) -> pb.ClientHelloResponse:
        return pb.ClientHelloResponse()

    async def EnvironmentGetOrCreate(
        self, r: Any, peer: object
    ) -> pb.EnvironmentGetOrCreateResponse:
        settings = pb.EnvironmentSettings(image_builder_version="2025.06", webhook_suffix="")
        metadata = pb.EnvironmentMetadata(name="main", settings=settings)
        return pb.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    async def AppGetByDeploymentName(
        self, r: Any, peer: object
    ) -> pb.AppGetByDeploymentNameResponse:
        return pb.AppGetByDeploymentNameResponse(app_id=self.deployed.get(r.name, ""))

    async def AppCreate(self, r: Any, peer: object) -> pb.AppCreateResponse:
        app = App(f"ap-{len(self.apps) + 1}", r.description, r.app_state)
        self.apps[app.app_id] = app
        return pb.AppCreateResponse(
            app_id=app.app_id, app_page_url=f"http://modal.invalid/{app.app_id}"
        )

    async def AppGetLayout(self, r: Any, peer: object) -> pb.AppGetLayoutResponse:
        return pb.AppGetLayoutResponse(app_layout=self.layout(r.app_id))

    async def AppHeartbeat(self, r: Any, peer: object) -> None:
        """Somebody still waits for the app."""

    async def AppPublish(self, r: Any, peer: object) -> pb.AppPublishResponse:
        app = found(self.apps, r.app_id, "App")
        app.functions, app.classes = dict(r.function_ids), dict(r.class_ids)
        app.state = r.app_state
        if r.name:
            self.deployed[r.name] = r.app_id
        await self.published(r.app_id)
        url = f"http://modal.invalid/apps/{r.name or r.app_id}"
        return pb.AppPublishResponse(url=url, deployed_at=time.time())

    async def AppClientDisconnect(self, r: Any, peer: object) -> None:
        if found(self.apps, r.app_id, "App").state != pb.APP_STATE_DEPLOYED:
            await self.AppStop(r, peer)

    async def AppStop(self, r: Any, peer: object) -> None:
        app = found(self.apps, r.app_id, "App")
        app.state = pb.APP_STATE_STOPPED
        self.deployed = {n: i for n, i in self.deployed.items() if i != r.app_id}
        await self.stopped(r.app_id)

    async def FunctionPrecreate(self, r: Any, peer: object) -> pb.FunctionPrecreateResponse:
        function_id = r.existing_function_id or self._new_id()
        if function_id not in self.functions:
            f = pb.Function(
                function_name=r.function_name,
                function_type=r.function_type,
                webhook_config=r.webhook_config,
                function_schema=r.function_schema,
                supported_input_formats=r.supported_input_formats,
                supported_output_formats=r.supported_output_formats,
            )
            for name, method in r.method_definitions.items():
                f.method_definitions[name].CopyFrom(method)
            self._store(function_id, Deployed(r.app_id, f, [f]))
        return pb.FunctionPrecreateResponse(
            function_id=function_id, handle_metadata=self._metadata(function_id)
        )

    async def FunctionCreate(self, r: Any, peer: object) -> pb.FunctionCreateResponse:
        function_id = r.existing_function_id or self._new_id()
        ranked = [entry.function for entry in r.function_data.ranked_functions] or [r.function]
        for f in ranked:
            gpu = f.resources.gpu_config.gpu_type
            if gpu and gpu.rstrip("!").upper() not in GPUS:
                raise GRPCError(Status.INVALID_ARGUMENT, f"Invalid GPU type {gpu!r}")
        self._store(function_id, Deployed(r.app_id, ranked[0], ranked))
        return pb.FunctionCreateResponse(
            function_id=function_id,
            function=ranked[0],
            function_data=_data(ranked),
            handle_metadata=self._metadata(function_id),
        )

    async def ClassCreate(self, r: Any, peer: object) -> pb.ClassCreateResponse:
        class_id = r.existing_class_id or f"cs-{next(self._class_numbers)}"
        return pb.ClassCreateResponse(class_id=class_id, handle_metadata=pb.ClassHandleMetadata())

    async def FunctionGet(self, r: Any, peer: object) -> pb.FunctionGetResponse:
        function_id = self._tagged(r, "functions")
        return pb.FunctionGetResponse(
            function_id=function_id,
            handle_metadata=self._metadata(function_id),
            function=_data(self.functions[function_id].ranked),
        )

    async def ClassGet(self, r: Any, peer: object) -> pb.ClassGetResponse:
        class_id = self._tagged(r, "classes")
        return pb.ClassGetResponse(class_id=class_id, handle_metadata=pb.ClassHandleMetadata())

    def _tagged(self, r: Any, kind: str) -> str:
        app = self.apps.get(self.deployed.get(r.app_name, ""))
        ids: dict[str, str] = getattr(app, kind) if app else {}
        if r.object_tag not in ids:
            message = f"No {kind} '{r.object_tag}' in app '{r.app_name}' in environment 'main'"
            raise GRPCError(Status.NOT_FOUND, message)
        return ids[r.object_tag]

    async def FunctionBindParams(self, r: Any, peer: object) -> pb.FunctionBindParamsResponse:
        self.get(r.function_id)
        options = r.function_options.SerializeToString(deterministic=True)
        bound_id = r.function_id + hashlib.sha256(r.serialized_params + options).hexdigest()[:8]
        self._bound[bound_id] = (r.function_id, r.serialized_params)
        return pb.FunctionBindParamsResponse(
            bound_function_id=bound_id, handle_metadata=self._metadata(bound_id)
        )


def _data(ranked: list[pb.Function]) -> pb.FunctionData:
    """What the client reads back: fields that both messages have, and the alternatives."""
    data = pb.FunctionData()
    for rank, f in enumerate(ranked):
        data.ranked_functions.add(rank=rank, function=f)
    first = ranked[0]
    names = {d.name for d in data.DESCRIPTOR.fields} & {d.name for d in first.DESCRIPTOR.fields}
    for name in names - {"method_definitions"}:
        data.MergeFrom(pb.FunctionData(**{name: getattr(first, name)}))
    for name, method in first.method_definitions.items():
        data.method_definitions[name].CopyFrom(method)
    return data
