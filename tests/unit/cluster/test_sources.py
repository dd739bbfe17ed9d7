"""What a run on a cluster looks at: addresses and lists in Parquet, besides what others do."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from taskworker_classifyimage.cluster.files import open_picture
from taskworker_classifyimage.cluster.sources import ClusterSources
from taskworker_classifyimage.errors import ConfigError, EmptyFile, FileMissing, TooLarge
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.walk import Walk


def sources(*paths: str, files_from: str | None = None, exclude: str = "x") -> ClusterSources:
    return ClusterSources(paths, Walk(Filters(exclude=[exclude]), is_sorted=True), files_from)


def test_a_folder_is_walked_by_its_address(tmp_path: Path) -> None:
    """With the same filters as one on disk, and the sizes that the store tells."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a b.jpg", "deep/er/#1?.jpg", "deep/.hidden", "deep/x"):
        (tmp_path / name).write_bytes(b"123")
    named = sources(tmp_path.as_uri())
    named.check()
    found = {each.path: each.size_bytes for each in named.find()}
    at = f"file://{tmp_path}"
    assert found == {f"{at}/a b.jpg": 3, f"{at}/deep/er/#1?.jpg": 3}


def test_a_list_in_parquet_names_files(tmp_path: Path) -> None:
    columns = {
        "path": ["s3://bucket/1.jpg", None, "2.jpg"],
        "size": [5, 6, None],
        "more": [1, 2, 3],
    }
    parquet.write_table(pa.table(columns), tmp_path / "list.parquet")
    named = sources(files_from=str(tmp_path / "list.parquet"))
    named.check()
    assert [(each.path, each.size_bytes) for each in named.find()] == [
        ("s3://bucket/1.jpg", 5),
        ("2.jpg", None),
    ]


def test_what_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"name": ["1.jpg"]}), tmp_path / "list.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    for named, told in (
        (sources(f"file://{tmp_path}/none"), "none does not exist"),
        (sources("nothing://x/y"), "nothing:// cannot be opened: Protocol not known: nothing"),
        (sources("-"), "--engine ray reads no standard input"),
        (sources(files_from=f"{tmp_path}/none.parquet"), "none.parquet: No such file"),
        (sources(files_from=f"{tmp_path}/text.parquet"), "text.parquet: Parquet"),
        (sources(files_from=f"{tmp_path}/list.parquet"), "it has no column 'path'"),
    ):
        with pytest.raises(ConfigError, match=told):
            named.check()


def test_no_more_of_a_picture_is_read_than_its_limit(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(bytes(100))
    address = picture.as_uri()
    assert open_picture(address, 100, 100).read() == bytes(100)
    assert open_picture(address, None, 50).read() == bytes(51)
    with pytest.raises(TooLarge):
        open_picture(address, 100, 99)
    with pytest.raises(EmptyFile):
        open_picture(address, 0, 99)
    with pytest.raises(FileMissing, match="cannot be read: No such file"):
        open_picture(f"{address}x", 100, 100)
