"""Ray is an extra: nothing but `--engine ray` asks for it."""

import ast
from pathlib import Path

import pytest

import taskworker_classifyimage
from support.programs import run_command

SOURCE = Path(taskworker_classifyimage.__file__).parent


def imports_of(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_only_the_engine_on_ray_imports_what_knows_ray() -> None:
    own = "taskworker_classifyimage.cluster"
    knowing = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "cluster" and any(each.startswith(own) for each in imports_of(path))
    }
    assert knowing == {"commands/ray_engine.py"}
    naming = [path.name for path in SOURCE.rglob("*.py") if '"ray"' in path.read_text("utf-8")]
    # The setting and its value, and the import.
    assert sorted(naming) == ["areas.py", "classify.py", "engine.py", "session.py"]


def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    """And nothing is written."""
    missing = tmp_path / "missing"
    (missing / "ray").mkdir(parents=True)
    (missing / "ray" / "__init__.py").write_text("raise ImportError(\"No module named 'ray'\")")
    rows = tmp_path / "rows"
    command = ("classify", str(tmp_path), "--engine", "ray", "--output", str(rows))
    ended = run_command(*command, PYTHONPATH=str(missing))
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "--engine ray needs Ray (No module named 'ray'); install the extra: " in ended.stderr
    assert 'pip install "taskworker-classifyimage[ray]"' in ended.stderr
    assert not rows.exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--max-actors", "3"), "--max-actors goes with --engine ray"),
        (("--partition-size", "3"), "--partition-size goes with --engine ray"),
        (("--engine", "ray"), "--engine ray needs one --output"),
        (("--engine", "ray", "--output", "x", "--excel"), "--excel does not go with --engine ray"),
        (("--engine", "ray", "--ray-address", "10.0.0.5"), "must look like 10.0.0.5:6379"),
        (("--actor-gpus", "1.5"), "must be a whole number of GPUs, or a part of one"),
        (
            ("--engine", "ray", "--taskbridgeurl", "http://127.0.0.1:1/"),
            "--engine ray and --taskbridgeurl: choose one of them",
        ),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags: tuple[str, ...], told: str) -> None:
    ended = run_command("classify", str(SOURCE), *flags)
    assert ended.returncode == 2
    assert told in ended.stderr
