"""A TaskBridge worker that classifies pictures into the 1000 classes of ILSVRC2012.

The flow of one task is ``take -> fetch -> decode -> infer -> report``; `pipeline` has one file for
each step. `decode` turns bytes into pixels, in processes of `sandbox`; `classify` runs models;
`bridge_client` calls a TaskBridge, and `bridge_server` is an embedded one; `worker` schedules
tasks, `local` classifies files without a bridge and `outputs` writes what it finds; `interface` is
for other Python programs; `commands` has one file for each command.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from taskworker_classifyimage.errors import UserError
    from taskworker_classifyimage.interface.async_classifier import AsyncClassifier, Options
    from taskworker_classifyimage.interface.bridge import BridgeClient
    from taskworker_classifyimage.interface.classifier import Classifier
    from taskworker_classifyimage.interface.result import Result
    from taskworker_classifyimage.interface.sources import Source
    from taskworker_classifyimage.tasks import Prediction

__all__ = [
    "AsyncClassifier",
    "BridgeClient",
    "Classifier",
    "Options",
    "Prediction",
    "Result",
    "Source",
    "UserError",
    "__version__",
]

__version__ = "1.0.0"

#: The command's name.
PROGRAM = "taskworker-classifyimage"

#: Part of every result, so that readers of old evidence find the code that made it.
REPOSITORY = "https://github.com/hilderonny/taskworker-classifyimage"

#: Where public names are; each is imported when it is used first.
_PLACES: Final = {
    "AsyncClassifier": "interface.async_classifier",
    "BridgeClient": "interface.bridge",
    "Classifier": "interface.classifier",
    "Options": "interface.async_classifier",
    "Prediction": "tasks",
    "Result": "interface.result",
    "Source": "interface.sources",
    "UserError": "errors",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
