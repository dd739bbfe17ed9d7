"""Reads the classes of a user's own network from a file."""

from pathlib import Path

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_classes
from taskworker_classifyimage.classify.model_pack import DESCRIPTION_LIMIT_BYTES, read_member
from taskworker_classifyimage.errors import ModelError


def read_classes_file(path: Path) -> OwnClasses | None:
    """Reads classes in the order of the network's outputs.

    Args:
        path: a `.toml` file with the section `output` of a pack's description, such as a whole
            description; any other file has one class a line: its id and, after a space, its
            English name.

    Returns:
        None if the file says that they are those of ILSVRC2012.

    Raises:
        ModelError: the file is missing or wrong; the message says where, in one line.
    """
    if path.suffix == ".toml":
        return read_classes(path)
    content = read_member(path.parent, path.name, DESCRIPTION_LIMIT_BYTES)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as err:
        raise ModelError(f"{path} is not text in UTF-8: {err}") from None
    names: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        class_id, _, name = line.strip().partition(" ")
        if not class_id or not line.strip().isprintable() or len(line) > 500:
            raise ModelError(f"{path}: line {number} is not a class id, or an id and a name")
        if class_id in names:
            raise ModelError(f"{path}: line {number}: there is a {class_id!r} already")
        names[class_id] = name.strip() or class_id
    if not names:
        raise ModelError(f"{path} has no lines")
    return OwnClasses(tuple(names), {"en": tuple(names.values())})
