"""PNG without its remarks: what a damaged one is reduced to (PNG specification, section 5)."""

from typing import Final

_SIGNATURE_BYTES: Final = 8
_NEEDED: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def without_remarks(encoded: bytes) -> bytes:
    """Only the chunks that hold the picture, unchanged; up to where chunks cannot be followed."""
    kept, at = [encoded[:_SIGNATURE_BYTES]], _SIGNATURE_BYTES
    while at + 8 <= len(encoded):
        end = at + 12 + int.from_bytes(encoded[at : at + 4], "big")
        if encoded[at + 4 : at + 8] in _NEEDED:
            kept.append(encoded[at:end])
        at = end
    return b"".join(kept)
