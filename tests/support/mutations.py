"""Files that nobody meant: pictures of the corpus, changed at random but always in the same way."""

import random
import struct
from collections.abc import Callable, Iterator
from typing import Final

from support import corpus

Mutation = Callable[[bytes, random.Random], bytes]

#: Numbers that overflow, are negative, or mean "none".
_ABSURD: Final = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
#: Where headers are.
_HEAD_BYTES: Final = 400
#: Slow to decode as they are, and told apart by nothing from their neighbours here.
_LEFT_OUT: Final = {"dds", "ppm_plain", "tiff_ccitt_3", "tiff_ccitt_4", "png_1_bit", "pbm"}


def mutants(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """(what was done to which file, the file), over all formats and mutations in turn."""
    names = [name for name in corpus.names() if name not in _LEFT_OUT]
    kinds = list(MUTATIONS)
    for number in range(count):
        generator = random.Random(f"{seed}-{number}")
        name, kind = names[number % len(names)], kinds[(number // len(names) + number) % len(kinds)]
        changed = MUTATIONS[kind](corpus.encoded(name), generator)
        yield f"{number}: {name}, {kind}", changed


def _flip_bits(encoded: bytes, generator: random.Random) -> bytes:
    changed = bytearray(encoded)
    for _ in range(generator.choice([1, 3, 10, 100])):
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def _flip_bits_of_header(encoded: bytes, generator: random.Random) -> bytes:
    changed = bytearray(encoded)
    for _ in range(generator.randint(1, 8)):
        at = generator.randrange(8, min(_HEAD_BYTES, len(changed)))
        changed[at] ^= 1 << generator.randrange(8)
    return bytes(changed)


def _truncate(encoded: bytes, generator: random.Random) -> bytes:
    return encoded[: generator.randrange(len(encoded))]


def _truncate_header(encoded: bytes, generator: random.Random) -> bytes:
    return encoded[: generator.randrange(min(_HEAD_BYTES, len(encoded)))]


def _splice(encoded: bytes, generator: random.Random) -> bytes:
    """The header of one file before the body of another."""
    other = corpus.encoded(generator.choice(corpus.names()))
    at = generator.randrange(4, _HEAD_BYTES)
    return encoded[:at] + other[generator.choice([at, generator.randrange(len(other))]) :]


def _absurd_number(encoded: bytes, generator: random.Random) -> bytes:
    """Widths, lengths, counts and offsets that cannot be."""
    changed = bytearray(encoded)
    for _ in range(generator.randint(1, 4)):
        number, order = generator.choice(_ABSURD), generator.choice("<>")
        packed = (
            struct.pack(f"{order}I", number)
            if number > 0xFFFF
            else struct.pack(f"{order}H", number)
        )
        at = generator.randrange(4, min(_HEAD_BYTES, len(changed) - 4))
        changed[at : at + len(packed)] = packed
    return bytes(changed)


def _nest(encoded: bytes, generator: random.Random) -> bytes:
    """The file within itself, again and again, wherever that may be."""
    at = generator.randrange(4, min(_HEAD_BYTES, len(encoded)))
    for _ in range(generator.randint(1, 5)):
        encoded = encoded[:at] + encoded[: generator.randrange(at, 20_000)] + encoded[at:]
    return encoded


def _repeat(encoded: bytes, generator: random.Random) -> bytes:
    """One stretch of the file, thousands of times: directories, chunks, segments, frames."""
    start = generator.randrange(4, min(_HEAD_BYTES, len(encoded)))
    stretch = encoded[start : start + generator.randrange(2, 64)]
    return encoded[:start] + stretch * generator.choice([10, 1000, 5000]) + encoded[start:]


def _overwrite(encoded: bytes, generator: random.Random) -> bytes:
    """A cluster of something else, as on a disk that was written to again."""
    start, length = generator.randrange(len(encoded)), generator.choice([16, 512, 4096])
    filler = generator.choice([bytes(length), b"\xff" * length, generator.randbytes(length)])
    return encoded[:start] + filler + encoded[start + length :]


def _remove(encoded: bytes, generator: random.Random) -> bytes:
    start = generator.randrange(len(encoded))
    return encoded[:start] + encoded[start + generator.choice([1, 2, 7, 512]) :]


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": _flip_bits,
    "bits of the header flipped": _flip_bits_of_header,
    "truncated": _truncate,
    "truncated in the header": _truncate_header,
    "spliced": _splice,
    "absurd numbers": _absurd_number,
    "nested": _nest,
    "repeated": _repeat,
    "overwritten": _overwrite,
    "bytes removed": _remove,
}
