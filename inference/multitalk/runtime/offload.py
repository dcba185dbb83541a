"""Offloading of blocks that don't fit the GPU: they stay in host memory and are copied before use.

A block's parameters are grouped by use, so that those used once per window are not copied in every
step. While one block computes, the next offloaded one is copied on a separate stream from pinned
memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from inference.multitalk.models.transformer import Block, Transformer
from weights.names import Use, find_use

_ALIGNMENT = 256  # bytes, of the start of a tensor in a packet


@dataclass(frozen=True)
class _Packet:
    """Parameters of one block and use, in one buffer in host memory."""

    parameters: Sequence[nn.Parameter]
    host_bytes: Tensor  # uint8

    def point_to(self, buffer: Tensor) -> None:
        """Make the parameters views of `buffer`, which holds the same bytes as `host_bytes`."""
        position = 0
        for parameter in self.parameters:
            size = parameter.nbytes
            view = buffer[position : position + size].view(parameter.dtype)
            parameter.data = view.view(parameter.shape)
            position += _align(size)


class BlockOffloader:
    """Source of a transformer's blocks, each on `device` while it is used.

    `resident` of them stay there; the others, evenly spread, are copied for each use.
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
        """Yield the blocks in order; an offloaded one stays until the next is requested."""
        packets = self._packets.get(use, {})
        transfer = _PacketTransfer(list(packets.values()), self._device, self._copy_stream)
        try:
            for index, block in enumerate(self._blocks):
                if index not in packets:
                    yield block
                    continue
                transfer.acquire()
                yield block
                transfer.release()
        finally:
            transfer.close()


class _PacketTransfer:
    """Transfer of packets to the device through two alternating buffers."""

    def __init__(
        self,
        packets: Sequence[_Packet],
        device: torch.device,
        copy_stream: "torch.cuda.Stream | None",
    ) -> None:
        self._packets, self._copy_stream, self._current = packets, copy_stream, 0
        size = max((len(packet.host_bytes) for packet in packets), default=0)
        count = min(2, len(packets))
        self._buffers = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(count)]
        self._used: list[torch.cuda.Event | None] = [None] * count
        self._arrived: list[torch.cuda.Event | None] = [None] * count
        if copy_stream is not None:  # the buffers' memory may still be in use by its previous owner
            copy_stream.wait_stream(torch.cuda.current_stream(device))
        self._start_copy(0)

    def acquire(self) -> None:
        """Put the next packet's parameters on the device for the work queued from now on."""
        slot = self._current % 2
        self._start_copy(self._current + 1)
        event = self._arrived[slot]
        if event is not None:
            torch.cuda.current_stream(self._buffers[slot].device).wait_event(event)
        self._packets[self._current].point_to(self._buffers[slot])

    def release(self) -> None:
        """Return the parameters of the current packet to the host after their use."""
        slot, packet = self._current % 2, self._packets[self._current]
        packet.point_to(packet.host_bytes)
        if self._copy_stream is not None:
            self._used[slot] = torch.cuda.current_stream(self._buffers[slot].device).record_event()
        self._current += 1

    def close(self) -> None:
        """Free the buffers, also in the middle of the transfer."""
        if self._current < len(self._packets):
            packet = self._packets[self._current]
            packet.point_to(packet.host_bytes)
        if self._copy_stream is not None and self._buffers:
            torch.cuda.current_stream(self._buffers[0].device).wait_stream(self._copy_stream)

    def _start_copy(self, number: int) -> None:
        """Start copying a packet to its buffer, after the use of the packet before."""
        if number >= len(self._packets):
            return
        host_bytes, slot = self._packets[number].host_bytes, number % 2
        buffer = self._buffers[slot][: len(host_bytes)]
        if self._copy_stream is None:
            buffer.copy_(host_bytes)
            return
        used = self._used[slot]
        if used is not None:
            self._copy_stream.wait_event(used)
        with torch.cuda.stream(self._copy_stream):
            buffer.copy_(host_bytes, non_blocking=True)
            self._arrived[slot] = self._copy_stream.record_event()


def select_offloaded(blocks: int, resident: int) -> list[int]:
    """Return the numbers of the offloaded blocks, all but `resident`.

    They are evenly spread, so that there is work during each copy.
    """
    count = blocks - min(blocks, resident)
    return [index * blocks // count for index in range(count)]


def _pack_block(block: Block, pinned: bool) -> Iterator[tuple[Use, _Packet]]:
    """Move the block's parameters into packets."""
    named = sorted(block.named_parameters(), key=lambda item: find_use(item[0]))
    for use, group in groupby(named, key=lambda item: find_use(item[0])):
        parameters = [parameter for _, parameter in group]
        size = sum(_align(parameter.nbytes) for parameter in parameters)
        host_bytes = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
        position = 0
        for parameter in parameters:
            data = parameter.data.contiguous().flatten().view(torch.uint8)
            host_bytes[position : position + len(data)].copy_(data)
            position += _align(len(data))
        packet = _Packet(parameters, host_bytes)
        packet.point_to(host_bytes)
        yield use, packet


def _align(size: int) -> int:
    """Round `size` in bytes up to the alignment."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT
