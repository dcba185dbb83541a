"""Calls of functions: what clients ask for, and what containers ask for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal.standin.call import Call
from tests.modal.standin.containers import Container
from tests.modal.standin.deploys import Deploys
from tests.modal.standin.dispatch import found
from tests.modal.standin.fleet import Fleet

_HEARTBEAT_S = 14.0  # an answer is held back so long; the runtime asks every 15 s


class Calls:
    """All calls by their ids."""

    def __init__(self, deploys: Deploys, fleet: Fleet) -> None:
        self._deploys, self._fleet = deploys, fleet
        self._calls: dict[str, Call] = {}

    async def start(self, function_id: str, item: pb.FunctionInput, kind: int = 0) -> Call:
        """Call a function."""
        self._deploys.get(function_id)
        call = Call(len(self._calls) + 1, function_id, item, kind)
        self._calls[call.call_id] = call
        self._fleet.do(self._fleet.submit(call))
        return call

    def _get(self, call_id: str) -> Call:
        return found(self._calls, call_id, "Function call")

    async def FunctionMap(self, r: Any, peer: object) -> pb.FunctionMapResponse:
        if len(r.pipelined_inputs) != 1:
            raise GRPCError(Status.UNIMPLEMENTED, "The stand-in takes one input at a time.")
        item = r.pipelined_inputs[0].input
        call = await self.start(r.function_id, item, r.function_call_invocation_type)
        entry = pb.FunctionPutInputsResponseItem(idx=0, input_id=call.input_id, input_jwt="jwt")
        return pb.FunctionMapResponse(function_call_id=call.call_id, pipelined_inputs=[entry])

    async def FunctionGetOutputs(self, r: Any, peer: object) -> pb.FunctionGetOutputsResponse:
        output = await self._get(r.function_call_id).result(r.timeout)
        if output is None:
            return pb.FunctionGetOutputsResponse(num_unfinished_inputs=1)
        item = pb.FunctionGetOutputsItem(
            result=output.result, idx=0, input_id=output.input_id, data_format=output.data_format
        )
        return pb.FunctionGetOutputsResponse(outputs=[item])

    async def FunctionCallFromId(self, r: Any, peer: object) -> pb.FunctionCallFromIdResponse:
        call = self._get(r.function_call_id)
        return pb.FunctionCallFromIdResponse(function_call_id=call.call_id, num_inputs=1)

    async def FunctionCallCancel(self, r: Any, peer: object) -> None:
        call = self._get(r.function_call_id)
        await self._fleet.cancel(call, terminate=r.terminate_containers)

    async def FunctionGetCurrentStats(self, r: Any, peer: object) -> pb.FunctionStats:
        containers = self._fleet.containers.values()
        tasks = sum(c.function_id == r.function_id for c in containers)
        return pb.FunctionStats(backlog=self._fleet.waiting(r.function_id), num_total_tasks=tasks)

    async def FunctionCallGetDataIn(self, r: Any, peer: object) -> AsyncIterator[pb.DataChunk]:
        async for chunk in self._get(r.function_call_id).stream("in", r.last_index):
            yield chunk

    async def FunctionCallGetDataOut(self, r: Any, peer: object) -> AsyncIterator[pb.DataChunk]:
        async for chunk in self._get(r.function_call_id).stream("out", r.last_index):
            yield chunk

    async def FunctionCallPutDataOut(self, r: Any, peer: object) -> None:
        await self._get(r.function_call_id).put("out", r.data_chunks)

    async def FunctionGetInputs(self, r: Any, peer: Container) -> pb.FunctionGetInputsResponse:
        call = await self._fleet.take(peer)
        if call is None:
            end = [pb.FunctionGetInputsItem(kill_switch=True)] if peer.retired else []
            return pb.FunctionGetInputsResponse(inputs=end)
        item = pb.FunctionGetInputsItem(
            input_id=call.input_id,
            function_call_id=call.call_id,
            input=call.item,
            function_call_invocation_type=call.kind,
            retry_count=call.run,
        )
        return pb.FunctionGetInputsResponse(inputs=[item])

    async def FunctionPutOutputs(self, r: Any, peer: Container) -> None:
        for output in r.outputs:
            await self._fleet.put(peer, output)

    async def FunctionGetDynamicConcurrency(
        self, r: Any, peer: object
    ) -> pb.FunctionGetDynamicConcurrencyResponse:
        return pb.FunctionGetDynamicConcurrencyResponse(concurrency=r.max_concurrency)

    async def ContainerHello(self, r: Any, peer: Container) -> None:
        """It has started."""

    async def ContainerHeartbeat(self, r: Any, peer: Container) -> pb.ContainerHeartbeatResponse:
        reply = pb.ContainerHeartbeatResponse()
        try:
            input_id = await asyncio.wait_for(peer.cancelled.get(), _HEARTBEAT_S)
            reply.cancel_input_event.input_ids.append(input_id)
        except TimeoutError:
            pass
        return reply

    async def ContainerCheckpoint(self, r: Any, peer: Container) -> None:
        """The process that goes on is the one that was kept."""
        peer.restore()

    async def ContainerStop(self, r: Any, peer: object) -> pb.ContainerStopResponse:
        container = found(self._fleet.containers, r.task_id, "Container")
        if r.graceful:
            await self._fleet.retire([container])
        else:
            self._fleet.do(self._fleet.preempt(container))
        return pb.ContainerStopResponse()

    async def TaskResult(self, r: Any, peer: Container) -> None:
        if not peer.ready:
            peer.failure = r.result
