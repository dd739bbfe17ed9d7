"""Puts open tasks into an embedded bridge's data folder, without the bridge: FOLDER COUNT."""

import sys
import uuid
from pathlib import Path

from taskworker_classifyimage.bridge_server.records import NewTask
from taskworker_classifyimage.bridge_server.store import TaskStore

_DATA = '{"targetlanguage": "de", "numberofpredictions": 3}'


def main(folder: Path, count: int) -> None:
    """Adds so many tasks without files."""
    store = TaskStore(folder / "tasks.sqlite3")
    store.open()
    for _ in range(count):
        store.add(NewTask(id=str(uuid.uuid4()), type="classifyimage", data=_DATA))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
