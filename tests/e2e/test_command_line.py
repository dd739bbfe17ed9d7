"""What a user of the command line sees, in a terminal and in a pipe."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.packs import colour_network, write_pack
from support.programs import (
    COMMAND,
    ROOT,
    Program,
    RunningBridge,
    clean_environment,
    free_port,
    run_command,
)
from support.same_process import RunHere
from support.terminal import in_terminal
from taskworker_classifyimage import __version__
from taskworker_classifyimage.sample import SAMPLE

ESCAPE = "\x1b"
#: Every flag of `work` that there was when flags were declared by hand.
FLAGS_OF_WORK = (
    *("taskbridgeurl", "auth-file", "ca-file", "pin-sha256", "client-cert", "client-key"),
    *("insecure", "worker", "in-flight", "task-limit", "rescue-after", "state", "provenance"),
    *("model", "device", "models-dir", "offline", "preprocessing", "decoder-processes"),
    *("decode-timeout", "bridge-host", "bridge-port", "bridge-data", "bridge-lease"),
    *(
        "bridge-keep-days",
        "bridge-token-file",
        "allow-remote",
        "bridge-origins",
        "bridge-proxies",
        "metrics-port",
        "metrics-host",
        "heartbeat",
        "top",
        "log-format",
        "config",
    ),
    "log-level",
)


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], "numpy aiohttp onnxruntime PIL cyclopts rich asyncio"),
        (["--help"], "numpy aiohttp onnxruntime PIL taskworker_classifyimage.settings"),
        (["work", "--help"], "onnxruntime imagecodecs pillow_heif sqlite3 aiohttp.web_app"),
        (["classify", "-q", "--lean", str(SAMPLE)], "aiohttp PIL rich filelock tarfile xml"),
    ],
)
def test_nothing_heavy_is_imported_for_a_quick_answer(arguments: list[str], absent: str) -> None:
    """`--version` and `--help` answer at once; a worker for a bridge elsewhere loads no server."""
    program = (
        "import sys\n"
        "from taskworker_classifyimage.cli import main\n"
        f"code = main({arguments!r})\n"
        f"print(code, *sorted(set({absent.split()!r}) & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert ended.stdout.splitlines()[-1].split() == ["0"]


def test_the_version_flag_has_precedence_over_all_but_file_names(run_here: RunHere) -> None:
    """After `--` there are no flags."""
    assert run_here("work", "--in-flight", "many", "-v").stdout == f"{__version__}\n"
    ended = run_here("classify", "--", "-v")
    assert (ended.returncode, "-v does not exist" in ended.stderr) == (2, True)


@pytest.mark.parametrize("command", ["classify", "work"])
def test_a_typing_error_is_answered_in_one_line(command: str, run_here: RunHere) -> None:
    """What is wrong and what would be right; exit code 2, on which systemd relies."""
    ended = run_here(command, "--langauge", "de", "x")
    assert (ended.returncode, ended.stdout) == (2, "")
    answer = "there is no flag --langauge; did you mean --language?"
    assert ended.stderr == f"taskworker-classifyimage: {answer}\n"


def test_help_of_work_opens_with_examples_and_groups_all_flags(run_here: RunHere) -> None:
    """Two command lines to copy, and headings in between."""
    shown = run_here("work", "--help").stdout
    assert shown.startswith("Examples:\n")
    head, _, rest = shown.partition("Usage: ")
    assert head.count("\n  taskworker-classifyimage work") == 2
    for flag in (*FLAGS_OF_WORK, "verbose", "quiet, -q"):
        assert f"\n  --{flag}" in rest, flag
    headings = [line for line in rest.splitlines() if line.endswith(":") and line[0].isalpha()]
    assert len(headings) == 8
    for secret in ("taskbridgeauth", "bridgetoken"):
        assert f"--{secret}" not in shown


@pytest.mark.parametrize("command", ["", "work", "models pack"])
def test_help_in_a_pipe_is_plain_and_whole(command: str, run_here: RunHere) -> None:
    """No colours, no boxes, no wrapped lines."""
    start = run_here if command else run_command
    shown = start(*command.split(), "--help", COLUMNS="40").stdout
    assert ESCAPE not in shown
    assert "│" not in shown
    assert max(map(len, shown.splitlines())) > 80


def test_tables_in_a_pipe_are_plain_and_whole(run_here: RunHere) -> None:
    """A script finds each model on one line, with all of its source."""
    shown = run_here("models", COLUMNS="40").stdout
    assert ESCAPE not in shown
    [line] = [line for line in shown.splitlines() if " MobileNetV3Large " in line]
    assert line.endswith("weights_mobilenet_v3_large_224_1.0_float.h5")
    assert not any(line.endswith(" ") for line in shown.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_tables_in_a_terminal_fit_it_and_have_colours() -> None:
    """One line for each model, with its source cut; NO_COLOR is respected."""
    shown = in_terminal([*COMMAND, "models"], columns=100)
    assert ESCAPE in shown
    plain = in_terminal([*COMMAND, "models"], columns=100, NO_COLOR="1")
    assert f"{ESCAPE}[3" not in plain
    lines = [line.rstrip() for line in plain.splitlines() if "EfficientNetLite" in line]
    assert len(lines) == 3
    assert all(len(line) <= 100 and line.endswith("…") for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_evaluate_shows_its_progress_in_a_terminal(tmp_path: Path) -> None:
    """In a pipe there is none, see test_evaluate."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        shutil.copy(
            ROOT / "src/taskworker_classifyimage/data/sample/espresso.jpg",
            folder / f"red_{number}.jpg",
        )
    pack = write_pack(tmp_path / "pack", colour_network())
    shown = in_terminal([*COMMAND, "evaluate", str(folder), "--model", str(pack)], columns=100)
    assert " of 3 · " in shown


@pytest.fixture(scope="module")
def bash_script() -> str:
    """From a program, as a user makes it."""
    ended = run_command("completion", "bash")
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_for_completion_is_printed_for_each_shell(
    shell: str, tmp_path: Path, run_here: RunHere
) -> None:
    """The shell accepts it, where the shell is installed."""
    ended = run_here("completion", shell)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "bridge-keep-days" in ended.stdout
    found = shutil.which(shell)
    if found and shell != "powershell":
        script = tmp_path / "script"
        script.write_text(ended.stdout, encoding="utf-8")
        subprocess.run([found, "-n", str(script)], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["m"], ["models"]),
        (["models", ""], ["list", "pack"]),
        (["work", "--log-level", ""], ["debug", "info", "warning", "error"]),
        (["work", "--verbose", "--bridge-po"], ["--bridge-port"]),
        (["classify", "--lang"], ["--language"]),
    ],
    ids=" ".join,
)
def test_bash_completes_commands_flags_and_values(
    words: list[str], completed: list[str], tmp_path: Path, bash_script: str
) -> None:
    """Called as bash calls it."""
    script = tmp_path / "script"
    script.write_text(bash_script, encoding="utf-8")
    name = "taskworker-classifyimage"
    program = (
        f'. "{script}"; set -- {name} "$@"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
        'COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}\n'
        f'read -ra parts <<< "$(complete -p {name})"; ${{parts[2]}} {name}\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    ended = subprocess.run(
        ["bash", "-c", program, "bash", *words], capture_output=True, encoding="utf-8", check=True
    )
    assert ended.stdout.split() == completed


def test_settings_come_from_variables_with_the_prefix(tmp_path: Path) -> None:
    """A container needs no flags."""
    port = free_port()
    environ = {
        "TASKWORKER_BRIDGE_PORT": str(port),
        "TASKWORKER_BRIDGE_DATA": str(tmp_path / "data"),
    }
    with Program("bridge", environ=environ) as program:
        program.wait_for(f"http://127.0.0.1:{port}/")
    assert (tmp_path / "data").is_dir()


@pytest.mark.parametrize(
    ("flag", "levels"), [("--verbose", {"DEBUG", "INFO"}), ("-q", set()), ("--quiet", set())]
)
def test_flags_set_how_much_a_worker_logs(
    running_bridge: RunningBridge, tmp_path: Path, flag: str, levels: set[str]
) -> None:
    """From start to stop, with a task that fails."""
    pack = write_pack(tmp_path / "pack", colour_network())
    flags = (
        "--taskbridgeurl",
        running_bridge.url,
        "--model",
        str(pack),
        "--decoder-processes",
        "1",
    )
    with Program("work", *flags, flag) as program:
        running_bridge.api.wait_for_result(running_bridge.api.add({}, b"no picture"))
        assert program.stop() == 0
    seen = {level for level in ("DEBUG", "INFO") if f" {level} " in program.printed}
    assert seen == levels


def test_the_original_script_says_what_to_install(tmp_path: Path) -> None:
    """A Python without our packages: one line, or the one of `.venv` goes on."""
    script = shutil.copy(ROOT / "classifyimage.py", tmp_path)
    bare = [sys.executable, "-S", script, "--worker", "w"]
    ended = subprocess.run(bare, capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("classifyimage.py: aiohttp is not installed; run ")
    assert ended.stderr.count("\n") == 1
    if os.name != "nt":
        own = tmp_path / ".venv" / "bin" / "python"
        own.parent.mkdir(parents=True)
        own.write_text('#!/bin/sh\necho "own $@"\n', encoding="ascii")
        own.chmod(0o755)
        ended = subprocess.run(bare, capture_output=True, encoding="utf-8", check=True)
        assert ended.stdout == f"own {script} --worker w\n"
