"""The one style of the source, where no linter has a rule for it; CONTRIBUTING has the rest."""

import ast
from functools import cache
from pathlib import Path

import taskworker_classifyimage

SOURCE = Path(taskworker_classifyimage.__file__).parent
#: The bases of errors; a narrower error says what went wrong, without the suffix.
BASES = {"TaskworkerError", "UserError", "ConfigError", "ModelError", "TaskError"}
#: Functions are verbs: these are participles, which say neither what is done nor what comes back.
PARTICIPLES = {"asked", "checked", "explained", "known", "measured", "own", "told", "tried"}


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    return [
        (f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}", node)
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_every_dataclass_has_slots() -> None:
    """A mistyped attribute is then an error, not a new attribute."""
    without = [
        where
        for where, node in nodes()
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if "dataclass" in ast.unparse(decorator) and "slots=True" not in ast.unparse(decorator)
    ]
    assert without == []


def test_every_caught_error_has_one_name() -> None:
    others = [
        f"{where} {node.name}"
        for where, node in nodes()
        if isinstance(node, ast.ExceptHandler) and node.name not in (None, "err")
    ]
    assert others == []


def test_errors_say_what_went_wrong() -> None:
    suffixed = {
        node.name
        for _, node in nodes()
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Error", "Exception"))
    }
    assert suffixed == BASES


def test_functions_are_verbs() -> None:
    found = [
        f"{where} {node.name}"
        for where, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.strip("_").partition("_")[0] in PARTICIPLES
    ]
    assert found == []
