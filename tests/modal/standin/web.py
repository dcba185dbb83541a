"""The HTTP front: web functions at their hosts, and the bytes that are too many for a message."""

import asyncio
import hashlib
import itertools
import pickle

from aiohttp import web
from modal_proto import api_pb2 as pb

from tests.modal.standin.blobs import Blobs
from tests.modal.standin.call import Call
from tests.modal.standin.calls import Calls
from tests.modal.standin.deploys import Deploys
from tests.modal.standin.volumes import Volumes

_PIECE = 1 << 20  # bytes of an upload in one message


class Web:
    """Answers HTTP requests."""

    def __init__(self, deploys: Deploys, calls: Calls, blobs: Blobs, volumes: Volumes) -> None:
        self._deploys, self._calls, self._blobs, self._volumes = deploys, calls, blobs, volumes

    def add_to(self, application: web.Application) -> None:
        """Answer what nobody else does."""
        application.router.add_put("/__blob/{name}", self._put_blob)
        application.router.add_get("/__blob/{name}", self._get_blob)
        application.router.add_get("/__volume/{name}/{block}", self._get_block)
        application.router.add_route("*", "/{path:.*}", self._function)

    async def _put_blob(self, request: web.Request) -> web.Response:
        digest = hashlib.md5()
        with self._blobs.path(request.match_info["name"]).open("wb") as file:
            async for piece in request.content.iter_chunked(_PIECE):
                digest.update(piece)
                file.write(piece)
        return web.Response(headers={"ETag": f'"{digest.hexdigest()}"'})

    async def _get_blob(self, request: web.Request) -> web.Response:
        return web.Response(body=self._blobs.read(request.match_info["name"]))

    async def _get_block(self, request: web.Request) -> web.Response:
        name, block = request.match_info["name"], int(request.match_info["block"])
        return web.Response(body=await asyncio.to_thread(self._volumes.download, name, block))

    async def _function(self, request: web.Request) -> web.StreamResponse:
        host = request.host.split(":")[0]
        function_id = self._deploys.behind(host)
        if function_id is None:
            text = f"modal-http: invalid function call (no web function for {host})"
            return web.Response(status=404, text=text)
        arguments = pickle.dumps(((_scope(request),), {}))
        item = pb.FunctionInput(args=arguments, data_format=pb.DATA_FORMAT_PICKLE)
        call = await self._calls.start(function_id, item)
        numbers = itertools.count(1)
        upload = asyncio.create_task(_upload(request, call, numbers))
        try:
            return await self._answer(request, call)
        finally:
            upload.cancel()
            await _tell(call, next(numbers), pb.Asgi(http_disconnect=pb.Asgi.HttpDisconnect()))

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        async for chunk in call.stream("out"):
            data = self._blobs.read(chunk.data_blob_id) if chunk.data_blob_id else chunk.data
            message = pb.Asgi.FromString(data)
            if message.HasField("http_response_start"):
                response = _begun(message.http_response_start)
                await response.prepare(request)
            elif message.HasField("http_response_body"):
                assert response is not None
                await response.write(message.http_response_body.body)
                if not message.http_response_body.more_body:
                    await response.write_eof()
                    return response
        if response is not None:  # the container was lost: the browser must see a broken answer
            assert request.transport
            request.transport.abort()
            return response
        why = call.output.result.exception if call.output else ""
        return web.Response(status=500, text=f"modal-http: internal error: {why}")


def _scope(request: web.Request) -> dict[str, object]:
    """What ASGI calls a scope."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "query_string": request.query_string.encode(),
        "client": (peer or ("127.0.0.1", 0))[:2],
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "extensions": {},
    }


def _begun(start: pb.Asgi.HttpResponseStart) -> web.StreamResponse:
    response = web.StreamResponse(status=start.status)
    for name, value in zip(start.headers[::2], start.headers[1::2], strict=True):
        if name.lower() != b"transfer-encoding":
            response.headers.add(name.decode("latin1"), value.decode("latin1"))
    return response


async def _tell(call: Call, number: int, message: pb.Asgi) -> None:
    chunk = pb.DataChunk(
        data_format=pb.DATA_FORMAT_ASGI, data=message.SerializeToString(), index=number
    )
    await call.put("in", [chunk])


async def _upload(request: web.Request, call: Call, numbers: "itertools.count[int]") -> None:
    """Pass the request's body on."""
    async for piece in request.content.iter_chunked(_PIECE):
        body = pb.Asgi.HttpRequest(body=piece, more_body=True)
        await _tell(call, next(numbers), pb.Asgi(http_request=body))
    end = pb.Asgi.HttpRequest(body=b"", more_body=False)
    await _tell(call, next(numbers), pb.Asgi(http_request=end))
