"""A run's folder: who may write it, and how a run goes on in it; no cluster is needed for that."""

import io
from pathlib import Path

import pytest

from support.rows import RUN, classified, failed
from taskworker_classifyimage.cluster.files import Folder
from taskworker_classifyimage.cluster.folder_run import FolderRun
from taskworker_classifyimage.cluster.partition import describe_counts
from taskworker_classifyimage.cluster.plan import Plan, part_name
from taskworker_classifyimage.cluster.sources import ClusterSources
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.progress import Counts, Progress
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.outputs import parquet_file


def begin(folder: Path, source: Path, *, resumes: bool = False, overwrites: bool = False) -> int:
    """Lists the source's files in partitions of two; gives the number of files that were done."""
    run = FolderRun(str(folder), Progress(Filters()))
    sources = ClusterSources([str(source)], Walk(Filters(), is_sorted=True), None)
    with run.opened(resumes=resumes, overwrites=overwrites) as done:
        run.begin(RUN, resumes=resumes)
        run.list_files(sources, 2, resumes=resumes)
    return done


def finish_part(folder: Path, number: int, *rows: Row) -> None:
    content = io.BytesIO()
    counts = describe_counts(Counts(row.code for row in rows))
    parquet_file.encode(content, rows, {**RUN, **counts})
    Folder(str(folder)).write(part_name(number), content.getvalue())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for name in "abc":
        (source / f"{name}.jpg").write_bytes(name.encode())
    return source


def names_in(folder: Path) -> list[list[str]]:
    plan = Plan(Folder(str(folder)))
    return [[Path(each.path).name for each in plan.read(number)] for number in plan.numbers()]


def test_a_resumed_run_counts_what_is_done_and_lists_what_is_new(
    tmp_path: Path, source: Path
) -> None:
    rows = tmp_path / "rows"
    assert begin(rows, source) == 0
    finish_part(rows, 0, classified("a.jpg"), failed("b.jpg"))
    (source / "d.jpg").write_bytes(b"d")
    (rows / "_unfinished-of-a-killed-actor").write_bytes(b"PAR")
    assert begin(rows, source, resumes=True) == 2
    assert names_in(rows) == [["a.jpg", "b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert not (rows / "_unfinished-of-a-killed-actor").exists()


def test_a_run_is_neither_mixed_with_another_one_nor_lost(tmp_path: Path, source: Path) -> None:
    rows = tmp_path / "rows"
    begin(rows, source)
    with pytest.raises(ConfigError, match="has a run already; --overwrite replaces it, --resume"):
        begin(rows, source)
    run = FolderRun(str(rows), Progress(Filters()))
    with (
        run.opened(resumes=True, overwrites=False),
        pytest.raises(ConfigError, match="was begun with model 'EfficientNetLite2', this is 'x'"),
    ):
        run.begin({**RUN, "model": "x"}, resumes=True)
    finish_part(rows, 1, classified("c.jpg"))
    assert begin(rows, source, overwrites=True) == 0
    assert Plan(Folder(str(rows))).done() == []
    assert names_in(rows) == [["a.jpg", "b.jpg"], ["c.jpg"]]


def test_two_runs_do_not_write_one_folder(tmp_path: Path) -> None:
    first, second = (FolderRun(str(tmp_path), Progress(Filters())) for _ in range(2))
    with (
        first.opened(resumes=True, overwrites=False),
        pytest.raises(ConfigError, match="another run is writing it"),
        second.opened(resumes=True, overwrites=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_is_damaged_is_named(tmp_path: Path, source: Path) -> None:
    rows = tmp_path / "rows"
    begin(rows, source)
    (rows / part_name(0)).write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ConfigError, match=r"part-00000000\.parquet is damaged; delete it"):
        begin(rows, source, resumes=True)


def test_a_run_does_not_classify_its_own_folder(source: Path) -> None:
    rows = source / "rows"
    run = FolderRun(str(rows), Progress(Filters()))
    walk = Walk(Filters(), own=run.written_paths)
    with run.opened(resumes=False, overwrites=False):
        run.begin(RUN, resumes=False)
        run.list_files(ClusterSources([str(source)], walk, None), 10, resumes=False)
    assert sorted(names_in(rows)[0]) == ["a.jpg", "b.jpg", "c.jpg"]
