"""Blocks that don't fit the GPU: they wait in the host's memory and travel ahead of their use.

A block's parameters lie together by what they are used for, so that what is used once a window
does not travel in every step. While one block computes, the next one that is not there is copied,
on a stream of its own, out of memory that the GPU reads by itself (pinned).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from inference.multitalk.models.transformer import Block, Transformer
from weights.names import Use, find_use

_ALIGNMENT = 256  # bytes, of where a tensor begins in a packet


@dataclass(frozen=True)
class _Packet:
    """Parameters of one block and use, one after the other in the host's memory."""

    parameters: Sequence[nn.Parameter]
    host_bytes: Tensor  # bytes

    def point_to(self, place: Tensor) -> None:
        """Make the parameters views of `place`, which holds the same bytes as `home`."""
        position = 0
        for parameter in self.parameters:
            size = parameter.nbytes
            view = place[position : position + size].view(parameter.dtype)
            parameter.data = view.view(parameter.shape)
            position += _align(size)


class BlockOffloader:
    """Gives a transformer's blocks in order, each on `device` while it is used.

    `resident` of them stay there; the others, evenly spread, come and go.
    """

    def __init__(self, transformer: Transformer, device: torch.device, resident: int) -> None:
        self._device = device
        self._blocks = [block for block in transformer.blocks if isinstance(block, Block)]
        self._packets: dict[Use, dict[int, _Packet]] = {}
        for index in select_offloaded(len(self._blocks), resident):
            for use, packet in _pack_block(self._blocks[index], pinned=device.type == "cuda"):
                self._packets.setdefault(use, {})[index] = packet
        self._copy_stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._copy_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        transformer.block_source = self.iterate_blocks

    def iterate_blocks(self, use: Use) -> Iterator[Block]:
        """The blocks in order; one that travels is there until the next is asked for."""
        packets = self._packets.get(use, {})
        journey = _PacketTransfer(list(packets.values()), self._device, self._copy_stream)
        try:
            for index, block in enumerate(self._blocks):
                if index not in packets:
                    yield block
                    continue
                journey.acquire()
                yield block
                journey.release()
        finally:
            journey.close()


class _PacketTransfer:
    """Packets on their way to the device and through it, in two places that take turns."""

    def __init__(
        self, packets: Sequence[_Packet], device: torch.device, copying: "torch.cuda.Stream | None"
    ) -> None:
        self._packets, self._copy_stream, self._current = packets, copying, 0
        size = max((len(packet.host_bytes) for packet in packets), default=0)
        count = min(2, len(packets))
        self._buffers = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(count)]
        self._used: list[torch.cuda.Event | None] = [None] * count
        self._arrived: list[torch.cuda.Event | None] = [None] * count
        if copying is not None:  # the places' memory may still be in use by what had it before
            copying.wait_stream(torch.cuda.current_stream(device))
        self._start_copy(0)

    def acquire(self) -> None:
        """The next packet's parameters are on the device from now on, for what is computed next."""
        turn = self._current % 2
        self._start_copy(self._current + 1)
        event = self._arrived[turn]
        if event is not None:
            torch.cuda.current_stream(self._buffers[turn].device).wait_event(event)
        self._packets[self._current].point_to(self._buffers[turn])

    def release(self) -> None:
        """The packet that arrived last has been used."""
        turn, packet = self._current % 2, self._packets[self._current]
        packet.point_to(packet.host_bytes)
        if self._copy_stream is not None:
            self._used[turn] = torch.cuda.current_stream(self._buffers[turn].device).record_event()
        self._current += 1

    def close(self) -> None:
        """Give the places back, also when the journey ends in the middle."""
        if self._current < len(self._packets):
            packet = self._packets[self._current]
            packet.point_to(packet.host_bytes)
        if self._copy_stream is not None and self._buffers:
            torch.cuda.current_stream(self._buffers[0].device).wait_stream(self._copy_stream)

    def _start_copy(self, number: int) -> None:
        """Start copying a packet to its place, once what was there has been used."""
        if number >= len(self._packets):
            return
        home, turn = self._packets[number].host_bytes, number % 2
        place = self._buffers[turn][: len(home)]
        if self._copy_stream is None:
            place.copy_(home)
            return
        used = self._used[turn]
        if used is not None:
            self._copy_stream.wait_event(used)
        with torch.cuda.stream(self._copy_stream):
            place.copy_(home, non_blocking=True)
            self._arrived[turn] = self._copy_stream.record_event()


def select_offloaded(blocks: int, resident: int) -> list[int]:
    """Which blocks travel: all but `resident` ones, evenly spread, so that there is always
    something to compute while one is on its way."""
    count = blocks - min(blocks, resident)
    return [index * blocks // count for index in range(count)]


def _pack_block(block: Block, pinned: bool) -> Iterator[tuple[Use, _Packet]]:
    """The block's parameters, moved into packets."""
    named = sorted(block.named_parameters(), key=lambda item: find_use(item[0]))
    for use, group in groupby(named, key=lambda item: find_use(item[0])):
        parameters = [parameter for _, parameter in group]
        size = sum(_align(parameter.nbytes) for parameter in parameters)
        home = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
        position = 0
        for parameter in parameters:
            data = parameter.data.contiguous().flatten().view(torch.uint8)
            home[position : position + len(data)].copy_(data)
            position += _align(len(data))
        packet = _Packet(parameters, home)
        packet.point_to(home)
        yield use, packet


def _align(size: int) -> int:
    """Bytes for a tensor of `size` bytes, with what aligns the next."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT
