import io
from pathlib import Path

from PIL import Image

from support.packs import colour_network, write_pack
from support.programs import RunningBridge, worker


def test_a_pack_with_own_classes_runs_through_the_bridge(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Three classes of one's own, named in two languages, without a line of code."""
    pack = write_pack(tmp_path / "pack", colour_network())
    buffer = io.BytesIO()
    Image.new("RGB", (50, 30), (10, 20, 200)).save(buffer, "PNG")
    api = running_bridge.api
    german = api.add({"targetlanguage": "de", "numberofpredictions": "10"}, buffer.getvalue())
    french = api.add({"targetlanguage": "fr"}, buffer.getvalue())
    with worker(running_bridge.url, "w", "--model", str(pack)):
        result = api.wait_for_result(german)
        assert [p["name"] for p in result["predictions"]] == ["Blaues", "Grünes", "Rotes"]
        assert result["predictions"][0]["class"] == "blue"
        assert result["model"] == "Colours"
        assert "warnings" not in result
        result = api.wait_for_result(french)
        assert result["predictions"][0]["name"] == "blue thing"
        assert "fr is not there" in result["warnings"][0]
