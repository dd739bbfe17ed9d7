"""A stand-in for IPED, written after its source: items, settings, and threads that run one task.

Only the standard library and Python 3.9, as tests run it under that Python as well.
"""

import importlib
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

TASK = "ImageClassificationTask"


class Text:
    """A Java object of which only the text is used."""

    def __init__(self, text: str) -> None:
        self._text = text

    def toString(self) -> str:
        return self._text

    getAbsolutePath = toString


class Item:
    """One of the objects of Python that stand for an item of Java.

    Attributes:
        attributes: what the task has set; a value that IPED's index would refuse fails.
    """

    def __init__(
        self,
        number: int,
        path: Optional[Path] = None,
        media_type: str = "image/bmp",
        **facts: Any,
    ) -> None:
        self.number = number
        self.path = path
        self.attributes: dict[str, Any] = facts.pop("attributes", {})
        self.facts = {"hash": f"hash{number}", "thumb": None, "metadata": {}, **facts}
        self.media_type = media_type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and self.facts is other.facts

    __hash__ = None  # type: ignore[assignment] # nothing may depend on it

    def again(self) -> "Item":
        """JEP makes a new object of Python for each call."""
        twin = Item.__new__(Item)
        twin.__dict__.update(self.__dict__)
        return twin

    def isQueueEnd(self) -> bool:
        return False

    def getId(self) -> int:
        return self.number

    def getPath(self) -> str:
        return str(self.path)

    def getHash(self) -> Any:
        return self.facts["hash"]

    def getMediaType(self) -> Text:
        return Text(self.media_type)

    def getLength(self) -> int:
        assert self.path is not None
        return self.path.stat().st_size

    def getTempFile(self) -> Text:
        return Text(str(self.path))

    def getThumb(self) -> Any:
        thumb = self.facts["thumb"]
        return thumb and [byte - 256 if byte > 127 else byte for byte in thumb]

    def getMetadata(self) -> Any:
        return self.facts["metadata"]

    def getExtraAttribute(self, name: str) -> Any:
        if name == "hasThumb":
            return self.facts["thumb"] is not None or None
        return self.attributes.get(name)

    def setExtraAttribute(self, name: str, value: Any) -> None:
        parts = value if isinstance(value, list) else [value]
        assert parts, name
        assert len({type(part) for part in parts}) == 1, name
        assert all(isinstance(part, (str, int, float)) for part in parts), name
        self.attributes[name] = value


class QueueEnd:
    """What a thread gets after its last item; it has nothing else."""

    def isQueueEnd(self) -> bool:
        return True


class Log:
    """IPED's logger.

    Attributes:
        lines: what was logged.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, text: str) -> None:
        self.lines.append(f"WARN {text}")

    def error(self, text: str) -> None:
        self.lines.append(f"ERROR {text}")


class _Settings:
    def __init__(self, folder: Path) -> None:
        self._enabled = _read(folder / "IPEDConfig.txt")
        self._properties = _read(folder / "conf" / "ImageClassification.txt")

    def getTaskConfigurable(self, name: str) -> "_Settings":
        assert name == "ImageClassification.txt"
        return self

    def isEnabled(self) -> bool:
        return self._enabled.get("enableImageClassification") == "true"

    def getConfiguration(self) -> "_Settings":
        return self

    def getProperty(self, name: str) -> Any:
        return self._properties.get(name)


def _read(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = [line.partition("=") for line in lines if "=" in line and line[0] != "#"]
    return {key.strip(): text.strip() for key, _, text in pairs}


class _CaseData:
    def __init__(self, is_report: bool) -> None:
        self._is_report = is_report

    def isIpedReport(self) -> bool:
        return self._is_report


class _JavaTask:
    """The next task: keeps what it is sent, and makes a new item of it if it is told to."""

    def __init__(self, sent: list[Item], find_more: Any) -> None:
        self._sent = sent
        self._find_more = find_more

    def get(self) -> "_JavaTask":
        return self

    def sendToNextTaskSuper(self, item: Any) -> None:
        self._sent.append(item)
        if self._find_more is not None and not item.isQueueEnd():
            self._find_more(item)


class Iped:
    """Runs the task of an IPED folder over items.

    Attributes:
        log: what the task has logged.
        configurables: what it has asked IPED to read, as (property, file).
    """

    def __init__(self, folder: Path, *, old: bool = False, is_report: bool = False) -> None:
        """`old`: the way of 4.2, which sets `javaTask` in the module and not in the instance."""
        self._settings = _Settings(folder)
        self._old = old
        self.log = Log()
        self.configurables: list[tuple[str, str]] = []
        self._module = _load(folder / "scripts" / "tasks")
        self._module.logger = self.log
        self._module.caseData = _CaseData(is_report)

    def run(self, items: list[Item], threads: int = 1, find_more: Any = None) -> list[list[Item]]:
        """What each thread has sent to the next task, in this order."""
        sent: list[list[Item]] = [[] for _ in range(threads)]
        local = threading.local()
        if self._old:
            self._module.javaTask = types.SimpleNamespace(get=lambda: local.java_task)

        def work(number: int) -> None:
            task = getattr(self._module, TASK)()
            self.configurables = [tuple(each) for each in _with_iped(task.getConfigurables)]

            def process(item: Any) -> None:
                if task.isEnabled() and (not item.isQueueEnd() or task.processQueueEnd()):
                    task.process(item)
                task.sendToNextTask(item if item.isQueueEnd() else item.again())

            java_task = _JavaTask(
                sent[number], find_more and (lambda item: find_more(item, process))
            )
            local.java_task = java_task
            if not self._old:
                task.javaTask = java_task
            task.init(self._settings)
            for item in items[number::threads]:
                process(item)
            process(QueueEnd())
            if task.isEnabled():
                task.finish()

        with ThreadPoolExecutor(threads) as executor:
            list(executor.map(work, range(threads)))
        return sent


def _with_iped(call: Any) -> Any:
    """Calls a function that imports what only IPED has."""
    config = types.ModuleType("iped.engine.config")
    config.DefaultTaskPropertiesConfig = lambda *names: names  # type: ignore[attr-defined]
    modules = {"iped": types.ModuleType("iped"), "iped.engine": types.ModuleType("iped.engine")}
    sys.modules.update({**modules, "iped.engine.config": config})
    return call()


def _load(folder: Path) -> Any:
    """Imports the task as IPED does; an earlier one, of another folder, is forgotten."""
    for name in [each for each in sys.modules if each.partition(".")[0] in _NAMES]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    writes = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        importlib.invalidate_caches()
        module = importlib.import_module(TASK)
        importlib.import_module("taskbridge_client.settings")
        importlib.import_module("taskbridge_client.sources")
    finally:
        sys.dont_write_bytecode = writes
        sys.path.remove(str(folder))
    return module


_NAMES = (TASK, "taskbridge_client")
