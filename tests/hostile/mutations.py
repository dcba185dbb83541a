"""Damage to a file that a decoder may still go into: seeded, so that each can be made again."""

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, TypeAlias

Mutation: TypeAlias = Callable[[Random, bytearray], None]

MOST_BYTES = 2**20  # of a damaged file
_NAME = re.compile(rb"[A-Za-z\xa9][A-Za-z0-9 ]{3}|\xff[\xc0-\xfe]|[\x40-\xff][\x80-\xff]")
_PNG = b"\x89PNG\r\n\x1a\n"
_OGG_CHECKSUM_AT, _OGG_COUNT_AT = 22, 26
_REPAIRED_PART = 0.8  # of the files with checksums, by which decoders refuse damage


def mutate(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return `data` damaged in one to five ways, maybe with a part of one of the `others`."""
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        if random.random() < 0.05:
            _splice(random, damaged, random.choice(others))
        elif damaged:
            random.choice(_MUTATIONS)(random, damaged)
        del damaged[MOST_BYTES:]
    if random.random() < _REPAIRED_PART:
        _repair_png(damaged)
        _repair_ogg(damaged)
    return bytes(damaged)


def _find_place(random: Random, data: bytearray) -> int:
    """Return a place near a name, near the start or the end, or anywhere."""
    way = random.random()
    if way < 0.5:
        names = [found.start() for found in _NAME.finditer(data)] or [0]
        return min(len(data) - 1, max(0, random.choice(names) + random.randint(-8, 24)))
    if way < 0.7:
        return random.randrange(min(len(data), 256))
    if way < 0.8:
        return len(data) - 1 - random.randrange(min(len(data), 2048))
    return random.randrange(len(data))


def _flip(random: Random, data: bytearray) -> None:
    for _ in range(random.choice((1, 1, 4, 32))):
        data[_find_place(random, data)] ^= 1 << random.randrange(8)


def _set_byte(random: Random, data: bytearray) -> None:
    data[_find_place(random, data)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _set_number(random: Random, data: bytearray) -> None:
    """Write a number at which arithmetic goes wrong, in either order of bytes."""
    width = random.choice((2, 4, 4, 8))
    top = 1 << 8 * width
    numbers = (0, 1, top - 1, top >> 1, (top >> 1) - 1, top >> 8, len(data), len(data) + 1)
    value = random.choice((*numbers, random.randrange(top))) % top
    at = _find_place(random, data)
    data[at : at + width] = value.to_bytes(width, random.choice(("big", "little")))


def _change_number(random: Random, data: bytearray) -> None:
    """Add a little to a number: a length, a count, an offset."""
    at, width = _find_place(random, data), random.choice((1, 2, 4))
    orders: tuple[Literal["big", "little"], ...] = ("big", "little")
    order = random.choice(orders)
    value = int.from_bytes(data[at : at + width], order) + random.randint(-9, 9)
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, order)


def _find_block(random: Random, data: bytearray) -> slice:
    at = _find_place(random, data)
    return slice(at, at + random.choice((1, 4, 16, 256, random.randint(1, len(data)))))


def _drop(random: Random, data: bytearray) -> None:
    del data[_find_block(random, data)]


def _double(random: Random, data: bytearray) -> None:
    block = _find_block(random, data)
    data[block.start : block.start] = data[block] * random.choice((1, 1, 2, 20))


def _move(random: Random, data: bytearray) -> None:
    block = _find_block(random, data)
    part = data[block]
    del data[block]
    at = _find_place(random, data) if data else 0
    data[at:at] = part


def _fill(random: Random, data: bytearray) -> None:
    block = _find_block(random, data)
    length = len(data[block])
    data[block] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))


def _rename(random: Random, data: bytearray) -> None:
    """Give a part the name of another one."""
    names = [*_NAME.finditer(data)]
    if names:
        one, other = random.choice(names), random.choice(names)
        data[one.start() : one.start() + len(other[0])] = other[0]


def _cut(random: Random, data: bytearray) -> None:
    del data[random.randrange(len(data)) :]


def _splice(random: Random, data: bytearray, other: bytes) -> None:
    """Put an end of the other file in the place of the own one, or behind the whole."""
    at = random.choice((len(data), random.randrange(len(data) + 1)))
    data[at:] = other[random.choice((0, random.randrange(len(other)))) :]


_MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _set_byte,
    _set_number,
    _set_number,
    _change_number,
    _change_number,
    _drop,
    _double,
    _move,
    _fill,
    _rename,
    _cut,
)


def _repair_png(data: bytearray) -> None:
    """Make the checksums of a PNG right."""
    at = len(_PNG)
    while data.startswith(_PNG) and at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4


def _repair_ogg(data: bytearray) -> None:
    """Make the checksums of Ogg pages right."""
    starts = [found.start() for found in re.finditer(b"OggS", data)]
    for at in starts if data.startswith(b"OggS") else ():
        if at + _OGG_COUNT_AT >= len(data):
            return
        body = at + _OGG_COUNT_AT + 1 + data[at + _OGG_COUNT_AT]
        end = body + sum(data[at + _OGG_COUNT_AT + 1 : body])
        struct.pack_into("<I", data, at + _OGG_CHECKSUM_AT, 0)
        checksum = _compute_ogg_checksum(data[at:end])
        struct.pack_into("<I", data, at + _OGG_CHECKSUM_AT, checksum)


def _make_ogg_table() -> list[int]:
    table = []
    for first in range(256):
        value = first << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFF_FFFF
        table.append(value)
    return table


_OGG_TABLE = _make_ogg_table()


def _compute_ogg_checksum(page: bytearray) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFF_FFFF) ^ _OGG_TABLE[value >> 24 ^ byte]
    return value
