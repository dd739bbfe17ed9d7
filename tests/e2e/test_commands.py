import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.api import Api
from support.canned_server import CannedServer, http
from support.photos import ESPRESSO
from support.programs import (
    ORIGINAL,
    ROOT,
    Program,
    RunningBridge,
    clean_environment,
    free_port,
    run_command,
)
from support.same_process import RunHere
from taskworker_classifyimage import __version__

#: The fastest built-in model, and one process that decodes.
LIGHT = {"model": "EfficientNetLite0", "TASKWORKER_DECODER_PROCESSES": "1"}


def test_work_alone_classifies_its_sample_and_serves(tmp_path: Path) -> None:
    """The README's first command: a result, the page's address, how to stop, and a bridge."""
    port = free_port()
    with Program("work", "--bridge-port", str(port), "--bridge-data", str(tmp_path)) as program:
        program.wait_for("Stop with Ctrl-C.")
        assert '"class": "n07920052"' in program.printed
        assert f"http://127.0.0.1:{port}/" in program.printed
        api = Api(f"http://127.0.0.1:{port}/")
        result = api.wait_for_result(api.add({"numberofpredictions": 1}, ESPRESSO))
        assert result["predictions"][0]["name"] == "espresso"
        assert program.stop() == 0


def test_a_taken_port_is_said_with_a_way_out(tmp_path: Path) -> None:
    """Who has the port, and which flags help; one line, exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_command("work", "--bridge-port", port, "--bridge-data", str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    for word in (port, "is taken", "--bridge-port", "--taskbridgeurl"):
        assert word in ended.stderr


@pytest.mark.parametrize("version_flag", ["-v", "--version"])
def test_the_original_script_tells_its_version(version_flag: str) -> None:
    """The original's flags are kept."""
    ended = subprocess.run(
        [*ORIGINAL, version_flag],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert ended.stdout.strip() == __version__


@pytest.mark.parametrize("flags", [("--version", "--verbose"), ("--verbose", "-v")])
def test_the_version_tells_what_is_decoded_on_request(
    flags: tuple[str, ...], run_here: RunHere
) -> None:
    """The version first, then a line a library."""
    ended = run_here(*flags)
    version, *lines = ended.stdout.splitlines()
    assert (ended.returncode, version) == (0, __version__)
    for name, format_name in (
        ("Pillow", "JPEG"),
        ("pillow-heif", "HEIC"),
        ("imagecodecs", "JPEG XL"),
    ):
        assert any(line.startswith(f"{name} ") and format_name in line for line in lines)


def test_libraries_for_rare_formats_are_not_loaded_for_a_jpeg() -> None:
    """A worker that sees nothing else pays nothing for them."""
    code = (
        "from taskworker_classifyimage.decode import DecodeLimits, decode;"
        "from taskworker_classifyimage.input_spec import InputSpec;"
        "from taskworker_classifyimage.sample import SAMPLE;"
        "decode(SAMPLE.read_bytes(), InputSpec(64, None), DecodeLimits())"
    )
    assert _imported(code, {"pillow_heif", "imagecodecs", "rawpy", "PIL.ImageCms"}) == ""


def test_a_worker_starts_its_decoders_before_it_loads_what_they_do_not_wait_for() -> None:
    """Else loading the decoding libraries comes on top of the rest of the start."""
    code = "from taskworker_classifyimage.commands import local_engine, work"
    assert _imported(code, {"aiohttp", "numpy", "onnxruntime"}) == ""


def _imported(code: str, modules: set[str]) -> str:
    """Those of the modules that Python has imported after the code."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sorted({modules} & set(sys.modules)))"],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return ended.stdout.strip()


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_original_command_line_works(running_bridge: RunningBridge, slash: str) -> None:
    """`python classifyimage.py --taskbridgeurl URL --worker NAME`, URL with and without slash."""
    api = running_bridge.api
    task_id = api.add({"targetlanguage": "de", "numberofpredictions": "1"}, ESPRESSO)
    flags = ["--taskbridgeurl", running_bridge.url.rstrip("/") + slash, "--worker", "RH-WORKBOOK"]
    with Program(*flags, command=ORIGINAL, environ=LIGHT):
        assert api.wait_for_result(task_id)["predictions"][0]["name"] == "Espresso"
    assert api.tasks()[0]["worker"] == "RH-WORKBOOK"


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_the_siblings_variables_are_understood(
    running_bridge: RunningBridge, case: Callable[[str], str]
) -> None:
    """A container is set up by taskbridgeurl, worker, device and model, or in capitals."""
    api = running_bridge.api
    task_id = api.add({}, ESPRESSO)
    environ = {"worker": "container", "device": "cpu", "model": "EfficientNetLite0"}
    environ["taskbridgeurl"] = running_bridge.url
    with Program("work", environ={case(name): text for name, text in environ.items()}):
        result = api.wait_for_result(task_id)
    assert (result["model"], result["device"]) == ("EfficientNetLite0", "cpu")
    assert api.tasks()[0]["worker"] == "container"


def test_a_gpu_that_is_not_there_is_said_and_the_cpu_works(running_bridge: RunningBridge) -> None:
    """The fallback is loud, and the result tells the truth."""
    task_id = running_bridge.api.add({}, ESPRESSO)
    flags = ("--taskbridgeurl", running_bridge.url, "--device", "cuda")
    with Program("work", *flags, environ=LIGHT) as program:
        result = running_bridge.api.wait_for_result(task_id)
        if result["device"] == "cuda":
            pytest.skip("there is a GPU here")
        assert result["device"] == "cpu"
        assert "WARNING device cuda cannot be used, working on the CPU" in program.printed


def test_classify_gives_a_json_line_a_file(tmp_path: Path) -> None:
    """Files and folders, good and bad; what is no picture is told, and fails only if asked to."""
    folder = tmp_path / "pictures" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(ESPRESSO)
    (folder / "b.txt").write_bytes(b"a text")
    odd = folder / os.fsdecode(b"c\xff.jpg")
    odd.write_bytes(ESPRESSO)
    flags = ("--language", "de", "--top", "2", "--sort")
    ended = run_command("classify", *flags, str(tmp_path / "pictures"), **LIGHT)
    assert ended.returncode == 0
    assert ended.stderr.startswith("2 classified, 1 not a picture; ")
    quiet = run_command("classify", "-q", "--strict", *flags, str(folder), **LIGHT)
    assert (quiet.returncode, quiet.stderr) == (1, "")
    first, second, third = (json.loads(line) for line in ended.stdout.splitlines())
    assert first["path"] == str(folder / "a.jpg")
    assert first["predictions"][0]["name"] == "Espresso"
    assert len(first["predictions"]) == 2
    assert second["code"] == "unsupported_format"
    assert third["path"] == str(odd)
    assert third["predictions"] == first["predictions"]


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["/no/such/file"], "/no/such/file does not exist"),
        ([str(ROOT), "--top", "abc"], "top must be a whole number from 1 up; it is 'abc'"),
        ([str(ROOT), "--language", "?"], "language must be a language tag such as 'de'; it is"),
        ([str(ROOT), "--model", "x"], "there is no model 'x'"),
    ],
)
def test_classify_refuses_what_it_cannot_do(
    flags: list[str], problem: str, run_here: RunHere
) -> None:
    """One line on the error stream, exit code 2, nothing on the output."""
    ended = run_here("classify", *flags)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert problem in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("flag", ["--model", "--models-dir"])
def test_a_path_that_the_system_refuses_is_one_line(flag: str, run_here: RunHere) -> None:
    """A name that no disk takes stands for closed folders and broken disks."""
    ended = run_here("classify", str(ROOT), flag, "x" * 300, model="EfficientNetLite0x")
    assert ended.returncode in (1, 2)
    assert ended.stderr.startswith("taskworker-classifyimage: ")
    assert ended.stderr.count("\n") == 1


def test_models_list_is_models(run_here: RunHere) -> None:
    """Whoever types the command finds it."""
    alone, listed = run_here("models"), run_here("models", "list")
    assert (listed.returncode, listed.stdout) == (0, alone.stdout)


def test_models_lists_the_three_and_marks_the_default() -> None:
    """Name, input, accuracy, licence of each."""
    ended = run_command("models")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [line for line in ended.stdout.splitlines() if "EfficientNetLite" in line]
    assert len(lines) == 3
    assert [line[:1] for line in lines] == [" ", " ", "*"]
    assert all("Apache-2.0" in line for line in lines)


def test_doctor_finds_a_sound_installation_and_a_living_bridge(
    running_bridge: RunningBridge, run_here: RunHere
) -> None:
    """Every check passes where nothing is wrong."""
    ended = run_here("doctor", "--taskbridgeurl", running_bridge.url)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.endswith("Everything is in order.\n")
    assert f"bridge {running_bridge.url.rstrip('/')}" in ended.stdout
    assert running_bridge.api.tasks() == []


def test_doctor_finds_tasks_of_a_misspelt_type(
    running_bridge: RunningBridge, run_here: RunHere
) -> None:
    """A client that writes the type in other letters waits for ever."""
    added = [running_bridge.api.add(type=kind) for kind in ("classifyImage", "translate")]
    ended = run_here("doctor", "--taskbridgeurl", running_bridge.url)
    for task_id in added:
        running_bridge.api.remove(task_id)
    assert ended.returncode == 1
    assert "1 of type 'classifyImage', which nobody asks for" in ended.stdout
    assert "translate" not in ended.stdout


def test_doctor_tries_the_device_that_is_asked_for(run_here: RunHere) -> None:
    """One that is not there fails the check of every model, with the reason beside it."""
    ended = run_here("doctor", "--device", "openvino:NPU.9")
    assert ended.returncode == 1
    assert ended.stdout.count("works on the cpu: the warning tells what to fix") == 3
    assert ended.stderr.count("device openvino:NPU.9 cannot be used, working on the CPU: ") == 3
    assert run_here("doctor", "--device", "cpu").stdout.count(" on cpu\n") == 3


def test_doctor_finds_a_dead_bridge(run_here: RunHere) -> None:
    """What does not answer fails the check and the exit code."""
    ended = run_here("doctor", "--taskbridgeurl", f"http://127.0.0.1:{free_port()}/")
    assert ended.returncode == 1
    assert "FAIL  bridge" in ended.stdout
    assert "refused" in ended.stdout


def test_doctor_finds_another_server_where_the_bridge_should_be(run_here: RunHere) -> None:
    """Any web server answers, with a 404 to what it does not know."""
    with CannedServer() as server:
        server.answer = http(404)
        ended = run_here("doctor", "--taskbridgeurl", server.url)
    assert ended.returncode == 1
    assert "is this a TaskBridge?" in ended.stdout


def test_doctor_finds_a_damaged_model(tmp_path: Path) -> None:
    """One wrong byte in one model is found, the others are still checked."""
    package = tmp_path / "taskworker_classifyimage"
    shutil.copytree(ROOT / "src" / "taskworker_classifyimage", package)
    with (package / "data" / "models" / "EfficientNetLite1" / "model.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    ended = run_command("doctor", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stdout.endswith("\n1 problem found.\n")
    assert ended.stdout.count("FAIL") == 1
    assert "EfficientNetLite1" in ended.stdout.partition("FAIL")[2].partition("\n")[0]
    assert "is damaged" in ended.stdout


def test_no_command_given_is_told_what_there_is() -> None:
    """The bare program shows its usage."""
    ended = run_command()
    assert ended.returncode == 2
    assert "COMMAND" in ended.stderr
