"""A row: what a run found out about one file. All outputs are made from rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Self

from taskworker_classifyimage.errors import ErrorCode

Status = Literal["ok", "not_a_picture", "failed"]

#: Codes of files that are no pictures, or pictures of a kind that is not decoded.
NO_PICTURE: Final = (ErrorCode.UNSUPPORTED_FORMAT, ErrorCode.EMPTY_FILE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Row:
    """One file and its result.

    Attributes:
        path: as it was found; bytes that are not UTF-8 are surrogates, as `os.fsdecode` makes them.
        result: the same JSON as a task's result.
        size_bytes: of the file; None if it cannot be read.
        modified_ns: when the file was changed last, in nanoseconds since 1970; None if unknown.
        sha256: of the file, in hexadecimal; None if it was not read.
    """

    path: str
    result: Mapping[str, object]
    size_bytes: int | None = None
    modified_ns: int | None = None
    sha256: str | None = None

    @property
    def code(self) -> str | None:
        """Why it was not classified; None if it was."""
        return str(self.result["code"]) if "error" in self.result else None

    @property
    def status(self) -> Status:
        """Whether it was classified; only "failed" needs someone's attention."""
        if self.code is None:
            return "ok"
        return "not_a_picture" if self.code in NO_PICTURE else "failed"

    def to_json(self) -> bytes:
        """One line of UTF-8, without its end; bytes of a name that are not UTF-8 are escapes."""
        head: dict[str, object] = {"path": self.path, "status": self.status}
        if self.size_bytes is not None:
            head["size"] = self.size_bytes
        if self.modified_ns is not None:
            head["modified"] = to_text(self.modified_ns)
        if self.sha256 is not None:
            head["sha256"] = self.sha256
        line = json.dumps({**head, **self.result}, ensure_ascii=False)
        return line.encode("utf-8", "backslashreplace")

    @classmethod
    def from_json(cls, line: bytes) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        result = json.loads(line)
        modified = result.pop("modified", None)
        del result["status"]
        return cls(
            result.pop("path"),
            size_bytes=result.pop("size", None),
            modified_ns=None if modified is None else from_text(modified),
            sha256=result.pop("sha256", None),
            result=result,
        )


def to_text(time_ns: int) -> str:
    """Nanoseconds since 1970 as "2026-11-26T12:00:00.000000000Z", exactly."""
    seconds, rest_ns = divmod(time_ns, _SECOND_NS)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def from_text(text: str) -> int:
    """The reverse of `to_text`; raises `ValueError` for other texts."""
    second, _, rest = text.removesuffix("Z").partition(".")
    passed = datetime.fromisoformat(second).replace(tzinfo=UTC) - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * _SECOND_NS + int(rest)
