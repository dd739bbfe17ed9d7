"""What an actor of `classify --engine ray` does, without Ray: one partition after another.

    python partitions.py FOLDER DESTINATION MODEL PARTITION_SIZE

Prints the pictures a second, from the second partition on, as JSON.
"""

import json
import sys
import time
from pathlib import Path

from taskworker_classifyimage import __version__
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.cluster.files import Folder
from taskworker_classifyimage.cluster.models import ModelJob, describe_models
from taskworker_classifyimage.cluster.partition import PartitionClassifier, PartitionJob
from taskworker_classifyimage.cluster.plan import Plan
from taskworker_classifyimage.local.description import describe_run
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.machine import usable_cores
from taskworker_classifyimage.tasks import ClassifyRequest


def main(pictures: str, destination: str, model: str, size: int) -> None:
    """Classifies a folder."""
    device, options = Device("cpu"), ModelOptions()
    cpus = usable_cores()
    folder = str(Path.cwd())
    job = ModelJob(__version__, folder, (model,), device, options, cpus, False, None, 30, None)
    [loaded] = describe_models(job)
    request = ClassifyRequest()
    facts = describe_run(loaded, "model", request)
    plan = Plan(Folder(destination))
    counts = list(plan.write(Walk(Filters()).find(pictures), size, 0))
    classify = PartitionClassifier(
        PartitionJob(job, loaded, request, destination, facts, remembers=True)
    )
    classify({"item": 0})
    begin_s = time.perf_counter()
    for number in range(1, len(counts)):
        told = classify({"item": number})
        if told["problem"]:
            raise SystemExit(told["problem"])
    per_second = sum(counts[1:]) / (time.perf_counter() - begin_s)
    print(json.dumps({"per_second": per_second}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
