import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from support.packs import IDS, NAMES, colour_network, write_pack
from support.programs import RunningBridge, worker
from support.same_process import RunHere
from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.sample import SAMPLE


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_task_that_asks_learns_what_its_result_was_made_of(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Checksums that the tools of the laboratory find too; who does not ask sees none of it."""
    pack = write_pack(tmp_path / "pack", colour_network())
    api, picture = running_bridge.api, SAMPLE.read_bytes()
    data = {"provenance": True, "targetlanguage": "de-AT"}
    asking = api.add(data, picture)
    own = api.add({**data, "model": "Colours"}, picture)
    silent = api.add({}, picture)
    with worker(
        running_bridge.url, "w", "--model", f"EfficientNetLite0,{pack}", "--decoder-processes", "1"
    ):
        told = api.wait_for_result(asking)["provenance"]
        own_told = api.wait_for_result(own)["provenance"]
        assert "provenance" not in api.wait_for_result(silent)
    built_in = find_pack("EfficientNetLite0")
    assert told["picture"]["sha256"] == sha256(picture)
    assert told["picture"]["format"] == "JPEG"
    assert (told["picture"]["width"], told["picture"]["height"]) == (600, 400)
    assert told["picture"]["orientation"] == 1
    assert told["model"]["sha256"] == sha256((built_in.path / "model.onnx").read_bytes())
    names = built_in.path.parents[1] / "labels" / "de.names"
    assert told["labels"] == {"language": "de", "sha256": sha256(names.read_bytes())}
    assert told["preprocessing"] == asdict(built_in.input)
    lines = "".join(f"{each} {name}\n" for each, name in zip(IDS, NAMES["de"], strict=True))
    assert own_told["labels"]["sha256"] == sha256(lines.encode())
    assert own_told["model"]["sha256"] == sha256((pack / "model.onnx").read_bytes())


def test_the_flag_tells_it_of_every_picture(run_here: RunHere) -> None:
    """A laboratory that always wants it need not change its clients."""
    ended = run_here("classify", "--provenance", str(SAMPLE))
    assert ended.returncode == 0
    told = json.loads(ended.stdout)["provenance"]
    assert told["picture"]["sha256"] == sha256(SAMPLE.read_bytes())
