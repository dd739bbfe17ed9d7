"""Folders and files on disk and in object stores, by path or by address such as s3://bucket/x.

pyarrow opens s3://, gs:// and file://, with the credentials that the machine has; fsspec opens what
it has an implementation of.
"""

import io
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from taskworker_classifyimage.atomic_file import rename_flushed
from taskworker_classifyimage.errors import ConfigError, FileMissing, one_line
from taskworker_classifyimage.local.found import check_size, read_at_most
from taskworker_classifyimage.outputs.parquet_file import import_pyarrow

#: The schemes that pyarrow opens.
_ARROW: Final = ("s3", "gs", "gcs", "file")
_CHUNK_BYTES: Final = 2**20
#: Begins the names of files that are not whole yet.
_UNFINISHED: Final = "_unfinished-"


class Entry(NamedTuple):
    """What a folder holds.

    Attributes:
        name: without the folder.
        path: the whole path or address.
        size_bytes, modified_ns: None if unknown.
    """

    name: str
    path: str
    is_folder: bool
    size_bytes: int | None
    modified_ns: int | None


def is_address(path: str) -> bool:
    """Whether it is the address of something, not a path on this machine."""
    return "://" in path


def list_folder(address: str) -> Iterator[Entry]:
    """What is in a folder of a store.

    Raises:
        ConfigError: there is no such kind of store.
        OSError: it cannot be listed.
    """
    system, path = _locate(address)
    from pyarrow import fs  # noqa: PLC0415 - an extra of some size

    prefix = address.rstrip("/")
    for info in system.get_file_info(fs.FileSelector(path)):
        if info.type == fs.FileType.NotFound or info.path.strip("/") == path.strip("/"):
            continue
        name, is_folder = info.base_name, info.type == fs.FileType.Directory
        yield Entry(name, f"{prefix}/{name}", is_folder, info.size, info.mtime_ns)


def look_at(address: str) -> Entry | None:
    """One file or folder; None if there is none.

    Raises:
        ConfigError: there is no such kind of store.
        OSError: the store does not answer.
    """
    system, path = _locate(address)
    from pyarrow import fs  # noqa: PLC0415 - an extra of some size

    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        return None
    is_folder = info.type == fs.FileType.Directory
    return Entry(info.base_name, address, is_folder, info.size, info.mtime_ns)


def open_file(address: str) -> Any:
    """An open file of pyarrow's, which reads where it is asked to.

    Raises:
        ConfigError: there is no such kind of store.
        OSError: it cannot be opened.
    """
    system, path = _locate(address)
    return system.open_input_file(path)


def explain(err: OSError) -> str:
    """Why something failed; pyarrow's own words are long, and name the place once more."""
    return os.strerror(err.errno) if err.errno else one_line(err)[:300]


def open_picture(address: str, size_bytes: int | None, limit_bytes: int) -> IO[bytes]:
    """A picture in a store, of which no more is read than its limit.

    Raises:
        FileMissing: it is gone or cannot be read.
        TooLarge, EmptyFile: it is.
    """
    check_size(size_bytes, limit_bytes)
    try:
        system, path = _locate(address)
        with system.open_input_stream(path) as stream:
            most_bytes = limit_bytes + 1 if size_bytes is None else size_bytes
            return io.BytesIO(read_at_most(stream, most_bytes, _CHUNK_BYTES))
    except OSError as err:
        raise FileMissing(f"the file cannot be read: {explain(err)}") from None


class Folder:
    """A folder that a run writes into; files appear in it whole or not at all.

    Attributes:
        address: its absolute path, or its address.
        is_local: whether it is on a disk.
    """

    def __init__(self, address: str) -> None:
        """Touches nothing yet."""
        self.is_local = not is_address(address)
        self.address = str(Path(address).absolute()) if self.is_local else address.rstrip("/")

    def names(self, below: str = "") -> list[str]:
        """The files in it, or in a folder below it; none if that is not there.

        Raises:
            OSError: it cannot be listed.
        """
        with suppress(FileNotFoundError):
            return [each.name for each in list_folder(self.place(below)) if not each.is_folder]
        return []

    def place(self, name: str) -> str:
        """The path or address of something in it."""
        return f"{self.address}/{name}" if name else self.address

    def read(self, name: str) -> bytes | None:
        """A file; None if there is none; raises `OSError` if it cannot be read."""
        system, path = _locate(self.place(name))
        with suppress(FileNotFoundError), system.open_input_stream(path) as stream:
            content: bytes = stream.read()
            return content
        return None

    def write(self, name: str, content: bytes) -> None:
        """Writes a whole file, in place of an older one; raises `OSError` if it cannot."""
        if self.is_local:
            path = Path(self.place(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two actors may write the same one, if the first is only thought to be dead.
            part = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
            part.write_bytes(content)
            rename_flushed(part, path)
            return
        system, path_in_store = _locate(self.place(name))
        # An object appears when its stream is closed.
        with system.open_output_stream(path_in_store) as stream:
            stream.write(content)

    def remove(self, name: str) -> None:
        """Removes a file; raises `OSError` if it cannot."""
        system, path = _locate(self.place(name))
        system.delete_file(path)

    def remove_unfinished(self) -> None:
        """Removes what writers have left that were killed."""
        for name in self.names():
            if name.startswith(_UNFINISHED):
                self.remove(name)


def _locate(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it, whatever signs that has."""
    if not is_address(address):
        return _open_arrow("file", ""), address
    scheme, _, rest = address.partition("://")
    if scheme == "file":
        return _open_arrow(scheme, ""), rest
    if scheme in _ARROW:
        bucket, slash, key = rest.partition("/")
        return _open_arrow(scheme, bucket), f"{bucket.rpartition('@')[2]}{slash}{key}".rstrip("/")
    system = _open_fsspec(scheme)
    return system, system.handler.fs._strip_protocol(address)  # noqa: SLF001 - fsspec's way


@cache
def _open_arrow(scheme: str, bucket: str) -> Any:
    import_pyarrow()
    from pyarrow import fs  # noqa: PLC0415 - an extra of some size

    if scheme == "file":
        return fs.LocalFileSystem()
    try:
        return fs.FileSystem.from_uri(f"{scheme}://{bucket}")[0]
    except Exception as err:  # noqa: BLE001 - pyarrow raises its own kinds
        raise ConfigError(f"{scheme}://{bucket} cannot be opened: {one_line(err)}") from None


@cache
def _open_fsspec(scheme: str) -> Any:
    import_pyarrow()
    from pyarrow import fs  # noqa: PLC0415 - an extra of some size

    try:
        import fsspec  # noqa: PLC0415 - an extra

        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme)))
    except Exception as err:  # noqa: BLE001 - whatever an implementation raises
        raise ConfigError(f"{scheme}:// cannot be opened: {one_line(err)}") from None
