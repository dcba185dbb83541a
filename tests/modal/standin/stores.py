"""Dicts and Queues: the small stores that an app's processes share."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal.standin.dispatch import found

Store = TypeVar("Store")
Partitions = defaultdict[bytes, deque[tuple[int, bytes]]]  # of numbered items

_POLL_S = 0.02


class Named(Generic[Store]):
    """Objects that have an id and mostly a name, of one kind."""

    def __init__(self, kind: str, prefix: str, new: Callable[[], Store]) -> None:
        self._kind, self._prefix, self._new = kind, prefix, new
        self.ids: dict[str, str] = {}  # by name
        self.objects: dict[str, Store] = {}  # by id
        self._count = 0

    def get_or_create(self, name: str, creation: int) -> str:
        """The id of what has that name; `creation` says whether it may, or must, be a new one."""
        known = self.ids.get(name) if name else None
        if known is None and creation == pb.OBJECT_CREATION_TYPE_UNSPECIFIED:
            raise GRPCError(
                Status.NOT_FOUND, f"{self._kind} '{name}' not found in environment 'main'"
            )
        if known is not None:
            if creation == pb.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
                raise GRPCError(Status.ALREADY_EXISTS, f"{self._kind} '{name}' already exists")
            return known
        self._count += 1
        object_id = f"{self._prefix}-{self._count}"
        self.objects[object_id] = self._new()
        if name:
            self.ids[name] = object_id
        return object_id

    def __getitem__(self, object_id: str) -> Store:
        return found(self.objects, object_id, self._kind)

    def name(self, object_id: str) -> str:
        """Its name, or "" for one that has none."""
        return next((name for name, known in self.ids.items() if known == object_id), "")

    def delete(self, object_id: str) -> None:
        """Forget it."""
        del self.objects[object_id]
        self.ids.pop(self.name(object_id), None)


class Dicts:
    """What `modal.Dict` asks for."""

    def __init__(self) -> None:
        self._dicts: Named[dict[bytes, bytes]] = Named("Dict", "di", dict)

    async def DictGetOrCreate(self, r: Any, peer: object) -> pb.DictGetOrCreateResponse:
        dict_id = self._dicts.get_or_create(r.deployment_name, r.object_creation_type)
        for entry in r.data:
            self._dicts[dict_id].setdefault(entry.key, entry.value)
        return pb.DictGetOrCreateResponse(
            dict_id=dict_id, metadata=pb.DictMetadata(name=r.deployment_name)
        )

    async def DictGetById(self, r: Any, peer: object) -> pb.DictGetByIdResponse:
        name = self._dicts.name(r.dict_id)
        return pb.DictGetByIdResponse(dict_id=r.dict_id, metadata=pb.DictMetadata(name=name))

    async def DictUpdate(self, r: Any, peer: object) -> pb.DictUpdateResponse:
        content, created = self._dicts[r.dict_id], False
        for entry in r.updates:
            new = entry.key not in content
            if new or not r.if_not_exists:
                content[entry.key] = entry.value
            created = created or new
        return pb.DictUpdateResponse(created=created)

    async def DictGet(self, r: Any, peer: object) -> pb.DictGetResponse:
        content = self._dicts[r.dict_id]
        return pb.DictGetResponse(found=r.key in content, value=content.get(r.key))

    async def DictContains(self, r: Any, peer: object) -> pb.DictContainsResponse:
        return pb.DictContainsResponse(found=r.key in self._dicts[r.dict_id])

    async def DictPop(self, r: Any, peer: object) -> pb.DictPopResponse:
        content = self._dicts[r.dict_id]
        return pb.DictPopResponse(found=r.key in content, value=content.pop(r.key, None))

    async def DictLen(self, r: Any, peer: object) -> pb.DictLenResponse:
        return pb.DictLenResponse(len=len(self._dicts[r.dict_id]))

    async def DictContents(self, r: Any, peer: object) -> AsyncIterator[pb.DictEntry]:
        for key, value in list(self._dicts[r.dict_id].items()):
            yield pb.DictEntry(key=key if r.keys else b"", value=value if r.values else b"")

    async def DictClear(self, r: Any, peer: object) -> None:
        self._dicts[r.dict_id].clear()

    async def DictDelete(self, r: Any, peer: object) -> None:
        self._dicts.delete(r.dict_id)

    async def DictHeartbeat(self, r: Any, peer: object) -> None:
        """An unnamed one is still in use."""


class Queues:
    """What `modal.Queue` asks for; each has partitions that know nothing of each other."""

    def __init__(self) -> None:
        self._queues: Named[Partitions] = Named("Queue", "qu", lambda: defaultdict(deque))
        self._count = 0

    async def QueueGetOrCreate(self, r: Any, peer: object) -> pb.QueueGetOrCreateResponse:
        queue_id = self._queues.get_or_create(r.deployment_name, r.object_creation_type)
        return pb.QueueGetOrCreateResponse(
            queue_id=queue_id, metadata=pb.QueueMetadata(name=r.deployment_name)
        )

    async def QueueGetById(self, r: Any, peer: object) -> pb.QueueGetByIdResponse:
        name = self._queues.name(r.queue_id)
        return pb.QueueGetByIdResponse(queue_id=r.queue_id, metadata=pb.QueueMetadata(name=name))

    async def QueuePut(self, r: Any, peer: object) -> None:
        for value in r.values:
            self._count += 1
            self._queues[r.queue_id][r.partition_key].append((self._count, value))

    async def QueueGet(self, r: Any, peer: object) -> pb.QueueGetResponse:
        items, end = self._queues[r.queue_id][r.partition_key], time.monotonic() + r.timeout
        while not items and time.monotonic() < end:
            await asyncio.sleep(_POLL_S)
        count = min(len(items), r.n_values)
        return pb.QueueGetResponse(values=[items.popleft()[1] for _ in range(count)])

    async def QueueNextItems(self, r: Any, peer: object) -> pb.QueueNextItemsResponse:
        after, end = int(r.last_entry_id or 0), time.monotonic() + r.item_poll_timeout
        while True:
            items = self._queues[r.queue_id][r.partition_key]
            newer = [pb.QueueItem(value=v, entry_id=str(n)) for n, v in items if n > after]
            if newer or time.monotonic() >= end:
                return pb.QueueNextItemsResponse(items=newer)
            await asyncio.sleep(_POLL_S)

    async def QueueLen(self, r: Any, peer: object) -> pb.QueueLenResponse:
        queue = self._queues[r.queue_id]
        items = sum(map(len, queue.values())) if r.total else len(queue[r.partition_key])
        return pb.QueueLenResponse(len=items)

    async def QueueClear(self, r: Any, peer: object) -> None:
        queue = self._queues[r.queue_id]
        for key in list(queue) if r.all_partitions else [r.partition_key]:
            queue.pop(key, None)

    async def QueueDelete(self, r: Any, peer: object) -> None:
        self._queues.delete(r.queue_id)

    async def QueueHeartbeat(self, r: Any, peer: object) -> None:
        """An unnamed one is still in use."""
