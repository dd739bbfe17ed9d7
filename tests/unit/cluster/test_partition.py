"""What an actor does, without Ray: each picture of a partition has one row, whatever fails."""

import contextlib
import json
from pathlib import Path

import duckdb
import pytest

from support.odd_folders import make_odd_folder
from taskworker_classifyimage import __version__
from taskworker_classifyimage.classify.device import CPU
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.cluster.files import Folder
from taskworker_classifyimage.cluster.models import LoadedModel, ModelJob, describe_models
from taskworker_classifyimage.cluster.partition import PartitionClassifier, PartitionJob
from taskworker_classifyimage.cluster.plan import Plan
from taskworker_classifyimage.local.description import describe_run
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.tasks import ClassifyRequest


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return describe_models(model_job())[0]


def model_job(version: str = __version__) -> ModelJob:
    here, models = str(Path.cwd()), ("EfficientNetLite0",)
    return ModelJob(version, here, models, CPU, ModelOptions(), 1, False, None, 30, None)


def job_of(folder: Path, loaded: LoadedModel, models: ModelJob) -> PartitionJob:
    request = ClassifyRequest(top=1)
    facts = describe_run(loaded, "model", request)
    return PartitionJob(models, loaded, request, str(folder), facts, remembers=True)


def do(job: PartitionJob) -> dict[str, object]:
    with contextlib.closing(PartitionClassifier(job)) as classify:
        return classify({"item": 0})


def test_paths_and_addresses_have_one_row_each(tmp_path: Path, loaded: LoadedModel) -> None:
    """Also a picture that is gone, in a store or on a disk, and one whose size nobody told."""
    odd, rows = make_odd_folder(tmp_path / "odd", 9), tmp_path / "rows"
    found = list(Walk(Filters()).find(str(odd.path)))
    addresses = [Found(f"file://{path}", None, None) for path in odd.good[:2]]
    gone = [Found(str(tmp_path / "gone.png")), Found(f"file://{tmp_path}/gone.png")]
    list(Plan(Folder(str(rows))).write([*found, *addresses, *gone], 100, 0))
    told = do(job_of(rows, loaded, model_job()))
    assert told["problem"] == ""
    codes = dict(json.loads(str(told["codes"])))
    assert codes == {
        None: len(odd.good) + 2,
        "damaged": 1,
        "unsupported_format": 1,
        "empty_file": 1,
        "file_missing": 2,
    }
    table = duckdb.execute(f"SELECT path, class FROM '{rows}/part-*.parquet'").fetchall()
    assert len(table) == len({path for path, _ in table}) == sum(codes.values())
    classes = dict(table)
    for address in addresses:
        assert classes[address.path] == classes[address.path.removeprefix("file://")]


def test_a_node_with_another_installation_ends_the_run(tmp_path: Path, loaded: LoadedModel) -> None:
    """Rows of two models in one table would be worth nothing."""
    list(Plan(Folder(str(tmp_path))).write([Found("1.png")], 1, 0))
    told = do(job_of(tmp_path, loaded, model_job("0.0.1")))
    assert "not 0.0.1; install the same on all of them" in str(told["problem"])
    other = LoadedModel(loaded.model, "onnxruntime-0.1", loaded.device, loaded.threads)
    told = do(job_of(tmp_path, other, model_job()))
    assert "nodes of the cluster differ in the library: 'onnxruntime-" in str(told["problem"])
    assert Plan(Folder(str(tmp_path))).done() == []


def test_a_destination_that_cannot_be_written_is_told(tmp_path: Path, loaded: LoadedModel) -> None:
    rows = tmp_path / "rows"
    list(Plan(Folder(str(rows))).write([Found("1.png")], 1, 0))
    (rows / "part-00000000.parquet").mkdir()
    told = do(job_of(rows, loaded, model_job()))
    assert str(told["problem"]).startswith(f"{rows}: ")
