"""Proves and measures a GPU with ONNX Runtime, in under 8 minutes.

    python benchmarks/gpu.py --setup .gpu [--wheels FOLDER]    makes an environment, then measures
    python benchmarks/gpu.py                                   measures in this environment
    python benchmarks/gpu.py --device cpu                      a dry run, without a GPU

Sets up, proves that CUDA runs the network and not the CPU, compares the answers with those of the
CPU, measures pictures a second by batch size and where the time goes, and runs `classify`. Writes
results/gpu.json. Each step has its part of the time; what does not fit is left out and told.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).parent
_MODELS: Final = ("EfficientNetLite0", "EfficientNetLite2")
_BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 128)
_PROVIDERS: Final = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_MINUTES: Final = 8.0
#: Measured for so long, or so often, whatever comes first.
_STEP_S: Final = 2.0
_MOST_RUNS: Final = 200
_COMPARED: Final = 64
_FOLDER_PICTURES: Final = 2000
_RATE: Final = re.compile(r"([\d.]+) pictures/s")

Row = dict[str, Any]


class Budget:
    """The time that is left."""

    def __init__(self, minutes: float) -> None:
        self._end_s = time.monotonic() + 60 * minutes

    @property
    def left_s(self) -> float:
        """Seconds until the script has to be done."""
        return self._end_s - time.monotonic()


def set_up(folder: Path, wheels: Path | None) -> str:
    """Makes an environment with this project and ONNX Runtime for CUDA; returns its Python.

    Args:
        folder: of the environment.
        wheels: where pip finds everything, for a machine without a network.
    """
    venv.create(folder, with_pip=True, clear=True)
    python = str(folder / "bin" / "python")
    source = [] if wheels is None else ["--no-index", "--find-links", str(wheels)]
    pip = [python, "-m", "pip", "install", "--quiet", *source]
    subprocess.run([*pip, str(_HERE.parent)], check=True)
    subprocess.run([python, "-m", "pip", "uninstall", "--yes", "onnxruntime"], check=True)
    subprocess.run([*pip, "onnxruntime-gpu[cuda,cudnn]"], check=True)
    return python


def prove(model: str, device: str) -> Row:
    """Says which device runs how much of a network: operators and time by provider.

    Raises:
        SystemExit: the provider does not start, or runs nothing.
    """
    import numpy as np

    from taskworker_classifyimage.classify.onnx_runtime import load_cuda

    onnxruntime, pack = _runtime(), _pack(model)
    if device == "cuda":
        load_cuda()
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        providers = [_PROVIDERS[device]]
        session = onnxruntime.InferenceSession(pack.read_verified(), options, providers=providers)
        if session.get_providers()[0] != _PROVIDERS[device]:
            raise SystemExit(f"{_PROVIDERS[device]} does not start: {session.get_providers()}")
        size = pack.input.size
        tensor = pack.tensor.convert(np.zeros((16, size, size, 3), np.uint8))
        for _ in range(20):
            session.run(None, {session.get_inputs()[0].name: tensor})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent_ms: defaultdict[str, float] = defaultdict(float)
    operators: defaultdict[str, set[str]] = defaultdict(set)
    slowest: defaultdict[str, float] = defaultdict(float)
    for event in events:
        provider = event.get("args", {}).get("provider")
        if provider:
            spent_ms[provider] += event["dur"] / 1000 / 20
            operators[provider].add(event["name"])
            slowest[event["args"].get("op_name", "")] += event["dur"] / 1000 / 20
    if not spent_ms.get(_PROVIDERS[device]):
        raise SystemExit(f"{_PROVIDERS[device]} runs no operator of {model}")
    order = sorted(slowest, key=lambda name: -slowest[name])[:8]
    return {
        "ms_by_provider": dict(spent_ms),
        "operators_by_provider": {name: len(each) for name, each in operators.items()},
        "ms_by_operator": {name: slowest[name] for name in order},
    }


def compare(model: str, device: str, pictures: list[bytes]) -> Row:
    """How far the answers are from those of the CPU."""
    import numpy as np

    on_device, on_cpu = _load(model, device), _load(model, "cpu")
    images = _decode(model, pictures)
    one, other = on_device.probabilities(images), on_cpu.probabilities(images)
    return {
        "pictures": len(images),
        "same_top1": int((one.argmax(1) == other.argmax(1)).sum()),
        "largest_change": float(np.abs(one - other).max()),
        "mean_change_of_top1": float(np.abs(one - other)[range(len(one)), other.argmax(1)].mean()),
    }


def measure_batches(model: str, device: str, pictures: list[bytes], budget: Budget) -> list[Row]:
    """Pictures a second by batch size, from pixels to probabilities.

    The first batch of a size is told apart: a GPU's library looks for the fastest kernels then.
    """
    import numpy as np

    classifier, decoded = _load(model, device), _decode(model, pictures[:16])
    rows = []
    for batch in _BATCHES:
        if budget.left_s < 60:
            print(f"no time for batches of {batch} and more")
            break
        images = np.resize(decoded, (batch, *decoded.shape[1:]))
        begin_s = time.perf_counter()
        classifier.probabilities(images)
        first_s = time.perf_counter() - begin_s
        convert_s = _time(lambda images=images: classifier.model.tensor.convert(images))  # type: ignore[misc]
        whole_s = _time(lambda images=images: classifier.probabilities(images))  # type: ignore[misc]
        rows.append(
            {
                "batch": batch,
                "per_second": batch / whole_s,
                "ms": 1000 * whole_s,
                "first_ms": 1000 * first_s,
                "convert_ms": 1000 * convert_s,
            }
        )
        print(f"{model} {device} batch {batch}: {batch / whole_s:.0f} pictures/s", flush=True)
    return rows


def measure_decoding(model: str, pictures: list[bytes]) -> float:
    """Milliseconds of one core for a picture's decoding."""
    begin_s = time.perf_counter()
    _decode(model, pictures)
    return 1000 * (time.perf_counter() - begin_s) / len(pictures)


def classify_folder(model: str, device: str, pictures: list[bytes], budget: Budget) -> Row:
    """What the program itself does with a folder, start left out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        folder.mkdir()
        for number in range(_FOLDER_PICTURES):
            picture = pictures[number % len(pictures)]
            (folder / f"{number:05}.jpg").write_bytes(picture + b"%d" % number)
        command = [sys.executable, "-m", "taskworker_classifyimage", "classify", "--model", model]
        command += ["--device", device, "--output", str(Path(name) / "rows.jsonl"), str(folder)]
        try:
            ended = subprocess.run(
                command,
                capture_output=True,
                encoding="utf-8",
                timeout=max(1.0, budget.left_s - 10),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"failed": "there was no time for it"}
        rows = (Path(name) / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    rate = _RATE.search(ended.stderr)
    used = json.loads(rows[0]).get("device") if rows else None
    return {"exit": ended.returncode, "per_second": float(rate[1]) if rate else 0, "device": used}


def _time(call: Callable[[], object]) -> float:
    """Median seconds of a call, after two that do not count."""
    call()
    call()
    took: list[float] = []
    end_s = time.perf_counter() + _STEP_S
    while len(took) < _MOST_RUNS and (len(took) < 3 or time.perf_counter() < end_s):
        begin_s = time.perf_counter()
        call()
        took.append(time.perf_counter() - begin_s)
    return sorted(took)[len(took) // 2]


def _runtime() -> Any:
    from taskworker_classifyimage.classify.onnx_runtime import import_onnxruntime

    return import_onnxruntime()


def _pack(model: str) -> Any:
    from taskworker_classifyimage.classify.catalogue import find_model
    from taskworker_classifyimage.classify.options import ModelOptions

    return find_model(model, ModelOptions())


def _load(model: str, device: str) -> Any:
    from taskworker_classifyimage.classify.device import Device
    from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier

    return OnnxClassifier.load(_pack(model), Device(device))


def _decode(model: str, pictures: list[bytes]) -> Any:
    import numpy as np

    from taskworker_classifyimage.decode import DecodeLimits, decode

    spec, limits = _pack(model).input, DecodeLimits()
    return np.stack([decode(picture, spec, limits).pixels for picture in pictures])


def _read_pictures(folder: Path | None) -> list[bytes]:
    from taskworker_classifyimage.sample import SAMPLE

    if folder is None:
        return [SAMPLE.read_bytes()]
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg")]
    return [path.read_bytes() for path in paths[:_COMPARED]]


def _describe_gpu() -> str:
    try:
        asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv"]
        return subprocess.run(asked, capture_output=True, encoding="utf-8", check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "none"


def measure(options: argparse.Namespace, budget: Budget) -> Row:
    """All steps for each model."""
    pictures = _read_pictures(options.pictures)
    results: Row = {
        "gpu": _describe_gpu(),
        "device": options.device,
        "onnxruntime": _runtime().__version__,
        "cores": len(os.sched_getaffinity(0)),
        "is_dry_run": options.device == "cpu",
    }
    for model in options.models:
        name = Path(model).name
        print(f"{name}: {budget.left_s:.0f} s left", flush=True)
        results[name] = {
            "proof": prove(model, options.device),
            "against_cpu": compare(model, options.device, pictures),
            "decode_ms": measure_decoding(model, pictures),
            "batches": measure_batches(model, options.device, pictures, budget),
            "classify": classify_folder(model, options.device, pictures, budget),
        }
        print(json.dumps(results[name], indent=1), flush=True)
    return results


def main() -> None:
    """Reads the command line; after a set-up it goes on in the new environment."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--device", choices=_PROVIDERS, default="cuda", help="cpu: a dry run; default: cuda")
    add("--models", nargs="+", default=_MODELS, help="names or model packs")
    add("--pictures", type=Path, metavar="FOLDER", help="JPEG files; default: the sample picture")
    add("--setup", type=Path, metavar="FOLDER", help="make an environment there and use it")
    add("--wheels", type=Path, metavar="FOLDER", help="for --setup without a network")
    add("--minutes", type=float, default=_MINUTES, help="for everything; default: 8")
    add("--output", type=Path, default=_HERE / "results" / "gpu.json")
    options = parser.parse_args()
    begin_s = time.monotonic()
    if options.setup is not None:
        python = set_up(options.setup, options.wheels)
        minutes = options.minutes - (time.monotonic() - begin_s) / 60
        more = ["--device", options.device, "--models", *options.models]
        more += [] if options.pictures is None else ["--pictures", str(options.pictures)]
        more += ["--minutes", f"{minutes:.2f}", "--output", str(options.output)]
        raise SystemExit(subprocess.run([python, __file__, *more], check=False).returncode)
    results = measure(options, Budget(options.minutes))
    results["seconds"] = time.monotonic() - begin_s
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(f"{json.dumps(results, indent=1)}\n", encoding="utf-8")
    print(f"{results['seconds']:.0f} s; results in {options.output}")


if __name__ == "__main__":
    main()
