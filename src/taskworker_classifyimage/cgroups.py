"""The control groups of Linux that limit this process: its own and all above it, versions 1 and 2.

`/proc/self/cgroup` names this process's group by controller, and `/proc/self/mountinfo` where the
groups are. A container sees a part of the tree, as a mount whose root is below the tree's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

PROC: Final = Path("/proc/self")
_VERSION_2: Final = "cgroup2"
#: An octal code for a blank and the like in a path.
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Group:
    """A control group: a folder of files, each with one number or a table of them."""

    folder: Path
    is_version_2: bool

    def number(self, name: str) -> int | None:
        """The number in a file; None if there is no such file, or no number in it."""
        fields = self._read(name).split()
        return int(fields[0]) if fields and fields[0].isdecimal() else None

    def fields(self, name: str) -> list[str]:
        """The words in a file; none if there is no such file."""
        return self._read(name).split()

    def entry(self, name: str, key: str) -> int:
        """The number of a key in a file of lines such as "inactive_file 4096"; 0 if missing."""
        for line in self._read(name).splitlines():
            found, _, number = line.partition(" ")
            if found == key and number.isdecimal():
                return int(number)
        return 0

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""


def usable_cores(proc: Path = PROC) -> int | None:
    """Cores by the smallest quota of processor time, rounded up; None if there is none."""
    return min(filter(None, map(_cores_of, _find_groups("cpu", proc))), default=None)


def memory_limit_bytes(proc: Path = PROC) -> int | None:
    """The smallest limit of memory; None if there is none."""
    return min(filter(None, map(_limit_of, _find_groups("memory", proc))), default=None)


def memory_left_bytes(proc: Path = PROC) -> int | None:
    """What the limits leave now, files in the kernel's cache counted as free; None without limits.

    Never negative.
    """
    left = [
        max(0, limit - _used_by(group))
        for group in _find_groups("memory", proc)
        if (limit := _limit_of(group)) is not None
    ]
    return min(left, default=None)


def _cores_of(group: Group) -> int | None:
    if group.is_version_2:
        fields = group.fields("cpu.max")
    else:
        fields = group.fields("cpu.cfs_quota_us") + group.fields("cpu.cfs_period_us")
    # No quota is "max" or -1.
    if len(fields) != 2 or not all(field.isdecimal() for field in fields):
        return None
    quota_us, period_us = map(int, fields)
    return -(-quota_us // period_us) if period_us else None


def _limit_of(group: Group) -> int | None:
    if not group.is_version_2:
        return group.number("memory.limit_in_bytes")
    # Above `high`, the kernel slows the processes down until they hardly run.
    limits = (group.number("memory.max"), group.number("memory.high"))
    return min((limit for limit in limits if limit is not None), default=None)


def _used_by(group: Group) -> int:
    if group.is_version_2:
        used, cached = group.number("memory.current"), "inactive_file"
    else:
        used, cached = group.number("memory.usage_in_bytes"), "total_inactive_file"
    return (used or 0) - group.entry("memory.stat", cached)


def _find_groups(controller: str, proc: Path) -> list[Group]:
    """This process's groups for a controller, each before the one above it."""
    try:
        own = _parse_own((proc / "cgroup").read_text(encoding="utf-8", errors="surrogateescape"))
        mounts = (proc / "mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return []
    found: list[Group] = []
    for mount in _parse_mounts(mounts):
        is_version_2 = mount.kind == _VERSION_2
        path = own.get("" if is_version_2 else controller)
        if path is None or not (is_version_2 or controller in mount.options):
            continue
        below = _relative(path, mount.root)
        folders = [mount.folder.joinpath(*below[:count]) for count in range(len(below), -1, -1)]
        found += [Group(folder, is_version_2) for folder in folders]
    return found


def _parse_own(text: str) -> dict[str, str]:
    """Paths by controller; that of version 2, which has all controllers, by ""."""
    paths: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


@dataclass(frozen=True, slots=True)
class _Mount:
    kind: str
    root: str
    folder: Path
    options: frozenset[str]


def _parse_mounts(text: str) -> Iterator[_Mount]:
    """The mounts of control groups; proc(5) has the format."""
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        head, tail = left.split(" "), right.split(" ")
        if len(head) >= 5 and len(tail) >= 3 and tail[0] in ("cgroup", _VERSION_2):
            folder = Path(_unescape(head[4]))
            yield _Mount(tail[0], _unescape(head[3]), folder, frozenset(tail[2].split(",")))


def _relative(path: str, root: str) -> tuple[str, ...]:
    """The names that lead from a mount's root to a group; none if it does not lie below."""
    group = PurePosixPath(path)
    if ".." in group.parts or not group.is_relative_to(root):
        return ()
    return group.relative_to(root).parts


def _unescape(path: str) -> str:
    return _ESCAPE.sub(lambda code: chr(int(code[1], 8)), path)
