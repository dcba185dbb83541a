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
from weights.names import Use, use_of

_ALIGNED = 256  # bytes, of where a tensor begins in a packet


@dataclass(frozen=True)
class _Packet:
    """Parameters of one block and use, one after the other in the host's memory."""

    parameters: Sequence[nn.Parameter]
    home: Tensor  # bytes

    def moved_to(self, place: Tensor) -> None:
        """Make the parameters views of `place`, which holds the same bytes as `home`."""
        position = 0
        for parameter in self.parameters:
            size = parameter.nbytes
            view = place[position : position + size].view(parameter.dtype)
            parameter.data = view.view(parameter.shape)
            position += _room(size)


class Supply:
    """Gives a transformer's blocks in order, each on `device` while it is used.

    `resident` of them stay there; the others, evenly spread, come and go.
    """

    def __init__(self, transformer: Transformer, device: torch.device, resident: int) -> None:
        self._device = device
        self._blocks = [block for block in transformer.blocks if isinstance(block, Block)]
        self._packets: dict[Use, dict[int, _Packet]] = {}
        for index in travelling(len(self._blocks), resident):
            for use, packet in _packed(self._blocks[index], pinned=device.type == "cuda"):
                self._packets.setdefault(use, {})[index] = packet
        self._copying: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        transformer.supply = self.visit

    def visit(self, use: Use) -> Iterator[Block]:
        """The blocks in order; one that travels is there until the next is asked for."""
        packets = self._packets.get(use, {})
        journey = _Journey(list(packets.values()), self._device, self._copying)
        try:
            for index, block in enumerate(self._blocks):
                if index not in packets:
                    yield block
                    continue
                journey.arrive()
                yield block
                journey.leave()
        finally:
            journey.end()


class _Journey:
    """Packets on their way to the device and through it, in two places that take turns."""

    def __init__(
        self, packets: Sequence[_Packet], device: torch.device, copying: "torch.cuda.Stream | None"
    ) -> None:
        self._packets, self._copying, self._at = packets, copying, 0
        size = max((len(packet.home) for packet in packets), default=0)
        count = min(2, len(packets))
        self._places = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(count)]
        self._used: list[torch.cuda.Event | None] = [None] * count
        self._arrived: list[torch.cuda.Event | None] = [None] * count
        if copying is not None:  # the places' memory may still be in use by what had it before
            copying.wait_stream(torch.cuda.current_stream(device))
        self._send(0)

    def arrive(self) -> None:
        """The next packet's parameters are on the device from now on, for what is computed next."""
        turn = self._at % 2
        self._send(self._at + 1)
        event = self._arrived[turn]
        if event is not None:
            torch.cuda.current_stream(self._places[turn].device).wait_event(event)
        self._packets[self._at].moved_to(self._places[turn])

    def leave(self) -> None:
        """The packet that arrived last has been used."""
        turn, packet = self._at % 2, self._packets[self._at]
        packet.moved_to(packet.home)
        if self._copying is not None:
            self._used[turn] = torch.cuda.current_stream(self._places[turn].device).record_event()
        self._at += 1

    def end(self) -> None:
        """Give the places back, also when the journey ends in the middle."""
        if self._at < len(self._packets):
            packet = self._packets[self._at]
            packet.moved_to(packet.home)
        if self._copying is not None and self._places:
            torch.cuda.current_stream(self._places[0].device).wait_stream(self._copying)

    def _send(self, number: int) -> None:
        """Start copying a packet to its place, once what was there has been used."""
        if number >= len(self._packets):
            return
        home, turn = self._packets[number].home, number % 2
        place = self._places[turn][: len(home)]
        if self._copying is None:
            place.copy_(home)
            return
        used = self._used[turn]
        if used is not None:
            self._copying.wait_event(used)
        with torch.cuda.stream(self._copying):
            place.copy_(home, non_blocking=True)
            self._arrived[turn] = self._copying.record_event()


def travelling(blocks: int, resident: int) -> list[int]:
    """Which blocks travel: all but `resident` ones, evenly spread, so that there is always
    something to compute while one is on its way."""
    count = blocks - min(blocks, resident)
    return [index * blocks // count for index in range(count)]


def _packed(block: Block, pinned: bool) -> Iterator[tuple[Use, _Packet]]:
    """The block's parameters, moved into packets."""
    named = sorted(block.named_parameters(), key=lambda item: use_of(item[0]))
    for use, group in groupby(named, key=lambda item: use_of(item[0])):
        parameters = [parameter for _, parameter in group]
        size = sum(_room(parameter.nbytes) for parameter in parameters)
        home = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
        position = 0
        for parameter in parameters:
            data = parameter.data.contiguous().flatten().view(torch.uint8)
            home[position : position + len(data)].copy_(data)
            position += _room(len(data))
        packet = _Packet(parameters, home)
        packet.moved_to(home)
        yield use, packet


def _room(size: int) -> int:
    """Bytes for a tensor of `size` bytes, with what aligns the next."""
    return -(-size // _ALIGNED) * _ALIGNED
