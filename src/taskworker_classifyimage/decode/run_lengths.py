"""Undoes run-length encodings of BMP, PCX and TGA; what does not fit into a row is cut off."""

import numpy as np
import numpy.typing as npt


def unpack_bmp(
    content: bytes, width: int, height: int, bits: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """(H, W) indices of 4 or 8 bits, the lowest row first, and which rows were reached."""
    pixels = np.zeros((height, width), np.uint8)
    x = y = at = 0
    end = len(content) - 1
    while at < end and y < height:
        count, value = content[at], content[at + 1]
        at += 2
        if count:
            run = (
                bytes((value >> 4, value & 15)) * (count // 2 + 1)
                if bits == 4
                else bytes((value,)) * count
            )
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            return pixels, np.ones(height, np.bool_)
        elif value == 2:
            if at + 2 > len(content):
                break
            x, y = x + content[at], y + content[at + 1]
            at += 2
            continue
        else:
            count = value
            size = (count + 1) // 2 if bits == 4 else count
            run = content[at : at + size]
            if bits == 4:
                run = bytes(half for both in run for half in (both >> 4, both & 15))
            at += size + size % 2
        if x < width:
            fits = run[: min(count, width - x)]
            pixels[y, x : x + len(fits)] = np.frombuffer(fits, np.uint8)
        x += count
    # A file may end without saying so; then the row that was begun is not complete.
    return pixels, np.arange(height) < y + (x >= width)


def unpack_pcx(content: bytes, row_bytes: int, rows: int) -> tuple[npt.NDArray[np.uint8], int]:
    """(rows, row_bytes) bytes, and how many rows are complete."""
    wanted = row_bytes * rows
    out = bytearray()
    at, end = 0, len(content)
    while at < end and len(out) < wanted:
        value = content[at]
        at += 1
        if value < 0xC0:
            out.append(value)
        elif at < end:
            out += content[at : at + 1] * (value & 63)
            at += 1
    known = min(len(out), wanted) // row_bytes if row_bytes else 0
    padded = bytes(out[:wanted].ljust(wanted, b"\0"))
    return np.frombuffer(padded, np.uint8).reshape(rows, row_bytes), known


def unpack_tga(content: bytes, pixel_bytes: int, count: int) -> bytes:
    """As many pixels as there are, `count` at most."""
    wanted = pixel_bytes * count
    out = bytearray()
    at, end = 0, len(content)
    while at < end and len(out) < wanted:
        head = content[at]
        at += 1
        length = (head & 127) + 1
        if head & 128:
            out += content[at : at + pixel_bytes] * length
            at += pixel_bytes
        else:
            out += content[at : at + pixel_bytes * length]
            at += pixel_bytes * length
    return bytes(out[:wanted])
