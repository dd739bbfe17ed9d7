"""Nuix worker-side script: the workers of a TaskBridge name what pictures show.

In Jython 2.7. Each class of a picture becomes a tag, `Images|Classes|NAME`; the best one also
becomes custom metadata. `install.py` sets FOLDER.
"""

import os
import sys

from java.lang import Throwable

#: Where `taskbridge_client` and `image_classes.properties` are.
FOLDER = r"C:\ProgramData\image-classes"


class _Run:
    """What one worker process of Nuix keeps while it runs."""

    pictures = None
    settings = None
    problem = None


def nuixWorkerItemCallbackInit():
    """A mistake in the settings does not stop the processing: pictures get a tag that tells it."""
    sys.path.append(FOLDER)
    try:
        from taskbridge_client.results import Answers
        from taskbridge_client.settings import Settings, read_properties

        path = os.path.join(FOLDER, "image_classes.properties")
        _Run.settings = Settings(read_properties(path).get)
        _Run.settings.number("skipSize", 0, 10**9)
        _Run.pictures = _Run.settings.pictures(Answers())
    except (Exception, Throwable) as err:
        _Run.problem = _describe(err)


def nuixWorkerItemCallback(worker_item):
    source = worker_item.getSourceItem()
    if not source.getType().getName().startswith("image/"):
        return
    if _Run.problem:
        _mark(worker_item, "settings", _Run.problem)
        return
    try:
        _classify(worker_item, source)
    except (Exception, Throwable) as err:  # Nuix goes on with this item and the others
        _mark(worker_item, "internal", _describe(err))


def nuixWorkerItemCallbackClose():
    if _Run.pictures is not None:
        _Run.pictures.close()


def _classify(worker_item, source):
    from taskbridge_client.java_streams import save
    from taskbridge_client.sources import FilePicture

    binary = source.getBinary()
    data = binary.getBinaryData() if binary is not None else None
    if data is None:
        _mark(worker_item, "file_missing", "the item has no content")
        return
    path = save(data.getInputStream())
    try:
        picture = FilePicture(path)
        if picture.size >= _Run.settings.number("skipSize", 0, 10**9):
            _Run.pictures.add(None, picture, worker_item.getDigests().getMd5())
            for _, result in _Run.pictures.finished(1):
                _write(worker_item, result)
    finally:
        os.remove(path)


def _write(worker_item, result):
    from taskbridge_client.results import categories, classes

    if result.get("error"):
        _mark(worker_item, result["code"], result["error"])
        return
    least = _Run.settings.threshold_percent
    for kind, likely in (("Classes", classes), ("Categories", categories)):
        for name, _, _ in likely(result, least):
            worker_item.addTag("Images|%s|%s" % (kind, name.replace("|", "/")))
    found = classes(result)
    if found:
        name, class_id, percent = found[0]
        _add(worker_item, "Image class", name, "text")
        _add(worker_item, "Image class id", class_id, "text")
        _add(worker_item, "Image class probability", percent, "float")
        _add(worker_item, "Image class model", result.get("model") or "", "text")


def _describe(err):
    """As `errors.describe`, which may be what cannot be imported."""
    return unicode(err)  # noqa: F821 - Python 2


def _mark(worker_item, code, message):
    worker_item.addTag("Images|Not classified|" + code)
    _add(worker_item, "Image class error", message, "text")


def _add(worker_item, name, value, kind):
    worker_item.addCustomMetadata(name, value, kind, "user")
