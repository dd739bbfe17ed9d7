"""Checks that this folder holds the files of the bundle, unchanged: `python verify.py`.

It needs nothing but Python. Compare the SHA-256 of SHA256SUMS itself, which it prints, with the one
that was published.
"""

import hashlib
import sys
from pathlib import Path

#: What the start script makes.
_MADE_HERE = (".venv",)


def main() -> None:
    """Prints what is wrong, or the checksum of the list; ends with 1 if something is."""
    here = Path(__file__).resolve().parent
    listed = here / "SHA256SUMS"
    expected = {}
    for line in listed.read_text(encoding="utf-8").splitlines():
        checksum, _, name = line.partition("  ")
        expected[name] = checksum
    problems = [
        f"{name}: {'is missing' if found is None else 'is not the one of the bundle'}"
        for name, checksum in expected.items()
        if (found := _checksum(here / name)) != checksum
    ]
    problems += [f"{name}: does not belong to it" for name in _names(here) if name not in expected]
    if problems:
        sys.exit("verify: the bundle is not as it was made\n" + "\n".join(problems))
    print(f"All {len(expected)} files are as they were made. SHA256SUMS: {_checksum(listed)}")


def _names(here: Path) -> list[str]:
    paths = (path for path in here.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    names = (path.relative_to(here) for path in paths)
    return sorted(name.as_posix() for name in names if name.parts[0] not in _MADE_HERE)


def _checksum(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


if __name__ == "__main__":
    main()
