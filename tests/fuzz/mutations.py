"""Inputs by number: each number gives one file, the same each time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.fuzz import seeds

Mutation = Callable[[bytearray, np.random.Generator], bytearray]

SEEDS: dict[str, Callable[[], dict[str, bytes]]] = {
    'pictures': seeds.pictures,
    'videos': seeds.videos,
    'tables': seeds.tables,
}
_NUMBERS = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 2**32 - 1)
# Where most formats have their headers.
_HEADER_BYTES = 200


class Input(NamedTuple):
    """A file to read.

    Attributes:
        name: Of the whole file that it was made from, with its suffix.
        data: Its bytes.
        is_whole: Whether nothing was changed.
    """

    name: str
    data: bytes
    is_whole: bool


def make_input(kind: str, number: int) -> Input:
    """The whole files come first, in their order; after them each number changes one of them."""
    files = list(SEEDS[kind]().items())
    name, data = files[number % len(files)]
    if number < len(files):
        return Input(name, data, True)
    rng = np.random.default_rng([zlib.crc32(kind.encode()), number])
    mutations = TABLES if kind == 'tables' else BYTES
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        changed = mutations[rng.integers(len(mutations))](changed, rng)
    if name.endswith('.png') and rng.random() < 0.7:
        changed = _with_checksums(changed)
    return Input(name, bytes(changed), False)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """A position, in half of all cases in the header."""
    limit = min(len(data), _HEADER_BYTES) if rng.random() < 0.5 else len(data)
    return int(rng.integers(limit + 1))


def _slice(data: bytearray, rng: np.random.Generator) -> slice:
    start = _place(data, rng)
    longest = 4 ** int(rng.integers(1, 7))
    return slice(start, min(len(data), start + int(rng.integers(1, longest + 1))))


def flip_bits(data: bytearray, rng: np.random.Generator) -> bytearray:
    for _ in range(rng.integers(1, 9) if data else 0):
        data[min(_place(data, rng), len(data) - 1)] ^= 1 << int(rng.integers(8))
    return data


def cut_off(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(len(data) + 1)]


def cut_start(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[int(rng.integers(1, 40)) :]


def delete(data: bytearray, rng: np.random.Generator) -> bytearray:
    del data[_slice(data, rng)]
    return data


def insert(data: bytearray, rng: np.random.Generator) -> bytearray:
    place = _place(data, rng)
    data[place:place] = rng.bytes(4 ** int(rng.integers(0, 6)))
    return data


def double(data: bytearray, rng: np.random.Generator) -> bytearray:
    part = _slice(data, rng)
    data[part.stop : part.stop] = data[part] * int(rng.integers(1, 4))
    return data


def fill(data: bytearray, rng: np.random.Generator) -> bytearray:
    part = _slice(data, rng)
    data[part] = bytes([rng.choice([0, 0xFF])]) * len(data[part])
    return data


def swap(data: bytearray, rng: np.random.Generator) -> bytearray:
    length = 4 ** int(rng.integers(0, 4))
    one, other = _place(data, rng), _place(data, rng)
    part, rest = data[one : one + length], data[other : other + length]
    if len(part) == len(rest) and abs(one - other) >= length:
        data[one : one + length], data[other : other + length] = rest, part
    return data


def write_number(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Sizes, lengths and counts become huge, negative or zero."""
    number = int(rng.choice(_NUMBERS)) if rng.random() < 0.7 else int(rng.integers(2**32))
    length = int(rng.choice([1, 2, 3, 4, 8]))
    place = _place(data, rng)
    order = 'little' if rng.random() < 0.5 else 'big'
    value = (number % 256**length).to_bytes(length, order)  # type: ignore[arg-type]
    data[place : place + length] = value[: len(data) - place]
    return data


def join(data: bytearray, rng: np.random.Generator) -> bytearray:
    other = _another(rng)
    return data + other if rng.random() < 0.5 else bytearray(other) + data


def change_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    length = int(rng.integers(4, 64))
    data[:length] = _another(rng)[:length]
    return data


def _another(rng: np.random.Generator) -> bytes:
    files = list((seeds.pictures() | seeds.videos() | seeds.tables()).values())
    return files[rng.integers(len(files))]


def _with_checksums(data: bytearray) -> bytearray:
    """Chunks of PNG with the sums that belong to them, so that more than the sums is tested."""
    position = 8
    while position + 12 <= len(data):
        length = struct.unpack_from('>I', data, position)[0]
        end = position + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into('>I', data, end, zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return data


def change_delimiter(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data.replace(b',', bytes([rng.choice(list(b';\t|, '))]))


def change_encoding(data: bytearray, rng: np.random.Generator) -> bytearray:
    encoding = str(rng.choice(['utf-16', 'utf-16-le', 'utf-8-sig', 'utf-32', 'utf-7', 'cp037']))
    text = data.decode('utf-8', 'replace')
    if rng.random() < 0.5:
        text = text.replace('a', '\xe4', 3)
        encoding = 'latin-1' if rng.random() < 0.5 else encoding
    return bytearray(text.encode(encoding, 'replace'))


def change_line_ends(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data.replace(b'\n', (b'\r\n', b'\r', b'\n\n', b'\0\n', b' \n')[rng.integers(5)])


def change_lines(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Leaves lines out, doubles or moves them, the header too, or cuts them short."""
    lines = bytes(data).split(b'\n')
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(lines)))
        line = lines.pop(place) if len(lines) > 1 else lines[0]
        how = rng.integers(4)
        if how == 1:
            lines[place:place] = [line, line]
        elif how == 2:
            lines.insert(int(rng.integers(len(lines) + 1)), line)
        elif how == 3:
            lines.insert(place, line[: rng.integers(len(line) + 1)])
    return bytearray(b'\n'.join(lines))


def change_cells(data: bytearray, rng: np.random.Generator) -> bytearray:
    values = (
        b'', b'0.0', b'1e999', b'nan', b'-1', b'007', b'"', b'"a,b"', b'"a\nb"', b"'", b'=1+1',
        b'\xd9\xa3', b'\xff', b'9' * 400, b'x' * 140_000, b'inf', b'1,5', b'label', b'happy',
    )  # fmt: skip
    for _ in range(rng.integers(1, 4)):
        cells = bytes(data).split(b',')
        cells[rng.integers(len(cells))] = values[rng.integers(len(values))]
        data = bytearray(b','.join(cells))
    return data


def change_case(data: bytearray, rng: np.random.Generator) -> bytearray:
    line, end, rest = data.partition(b'\n')
    return (line.upper() if rng.random() < 0.5 else line.title()) + end + rest


BYTES: tuple[Mutation, ...] = (
    *(flip_bits, flip_bits, write_number, write_number, write_number, write_number, delete),
    *(insert, double, fill, swap, cut_off, cut_start, join, change_head),
)
TABLES: tuple[Mutation, ...] = (
    *(change_delimiter, change_encoding, change_line_ends, change_lines, change_lines),
    *(change_cells, change_cells, change_case, flip_bits, delete, insert, double, cut_off, join),
)
