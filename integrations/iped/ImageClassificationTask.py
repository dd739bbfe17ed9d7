"""IPED task: writes the classes of pictures, which workers of a TaskBridge find, as attributes.

Needs IPED 4.2 or later and no Python packages; Python 3.9, as IPED brings it for Windows. It has
the name, the settings and the attributes of the task that hilderonny published, and replaces it.
"""

import threading

_ENABLE = "enableImageClassification"
_CONFIG = "ImageClassification.txt"
_PREFIX = "image:classification:"

#: What `image:classification:status` says; the words of IPED's own classifiers.
_SUCCESS = "success"
_NO_CLASS = "failNoClass"
_NO_RESULTS = "failNoResults"
_SKIPPED_SIZE = "skippedSize"
_SKIPPED_DIMENSION = "skippedDimension"
_SKIPPED_HASH_DB = "skippedHashDB"

#: The codes of pictures that IPED may have been able to read, and has made a thumbnail of.
_UNREADABLE = ("unsupported_format", "damaged", "too_large", "too_slow", "killed")
#: The codes that concern every picture, and are told once.
_NOBODY_THERE = ("refused", "unreachable", "unanswered")

# IPED sets these in this module. Until 4.2 it sets `javaTask` too, later in each instance.
logger = None
caseData = None  # noqa: N816 - IPED's name
javaTask = None  # noqa: N816 - IPED's name


class _Shared:
    """What all instances, one for each thread, have in common."""

    def __init__(self):
        self.lock = threading.Lock()
        self.is_read = False
        self.enabled = False
        self.settings = None
        self.answers = None
        self.problem = None
        self.told = set()

    def read(self, configuration):
        """Reads the settings once; a mistake in them is kept and told, and does not stop IPED."""
        with self.lock:
            if self.is_read:
                return
            self.is_read = True
            task_settings = configuration.getTaskConfigurable(_CONFIG)
            self.enabled = bool(task_settings.isEnabled()) and not _makes_report()
            if not self.enabled:
                return
            try:
                self._use(task_settings.getConfiguration())
            except Exception as err:  # noqa: BLE001 - whatever it is, IPED has to start
                self.problem = str(err)
                self.tell_once("settings", f"{_CONFIG}: {err}. Pictures are not classified.")

    def tell_once(self, kind, message):
        if kind not in self.told:
            self.told.add(kind)
            logger.error(f"ImageClassificationTask: {message}")

    def _use(self, properties):
        # Imported here, as one that fails above keeps IPED from starting, even if the task is
        # disabled.
        from taskbridge_client.results import Answers
        from taskbridge_client.settings import BadSettings, Settings

        settings = Settings(properties.getProperty)
        self.wants_thumbnail = settings.text("source") == "thumbnail"
        if settings.text("source") not in ("", "original", "thumbnail"):
            raise BadSettings("source has to be original or thumbnail")
        self.skip_size = settings.number("skipSize", 0, 10**9)
        self.skip_dimension = settings.number("skipDimension", 0, 10**9)
        self.skip_known = settings.flag("skipHashDBFiles")
        if not settings.flag("validateSSL"):
            self.tell_once("validateSSL", "validateSSL = false: anybody can pose as the bridge.")
        self.answers = Answers()
        self.settings = settings


_shared = _Shared()


class ImageClassificationTask:
    """Holds items back while their pictures are in flight; one instance for each thread of IPED."""

    def __init__(self):
        self._pictures = None
        #: By their ids: one item of Java is another Python object in each call.
        self._held = {}
        self._done = []

    def isEnabled(self):
        return _shared.enabled

    def processQueueEnd(self):
        return True

    def getConfigurables(self):
        from iped.engine.config import DefaultTaskPropertiesConfig

        return [DefaultTaskPropertiesConfig(_ENABLE, _CONFIG)]

    def init(self, configuration):
        _shared.read(configuration)
        if _shared.settings is not None:
            self._pictures = _shared.settings.pictures(_shared.answers)

    def finish(self):
        if self._pictures is not None:
            self._pictures.close()

    def process(self, item):
        if item.isQueueEnd():
            while self._held:
                self._collect(1)
        elif _is_picture(item) and not _is_classified(item):
            self._classify(item)

    def sendToNextTask(self, item):
        # A later task may find new items, which come here before this call has ended.
        done, self._done = self._done, []
        if item.isQueueEnd() or not (item.getId() in self._held or item in done):
            done.append(item)  # the end of the queue after all of its items
        for each in done:
            self._java_task().sendToNextTaskSuper(each)

    def _java_task(self):
        return getattr(self, "javaTask", None) or javaTask.get()

    def _classify(self, item):
        if _shared.problem is not None:
            _mark_failure(item, "settings")
            return
        skipped = _reason_to_skip(item)
        if skipped:
            item.setExtraAttribute(f"{_PREFIX}status", skipped)
            return
        try:
            picture = _thumbnail(item) if _shared.wants_thumbnail else None
            picture = picture or _original(item)
        except Exception as err:  # noqa: BLE001 - errors of Java too; the item gets a mark
            logger.warn(f"ImageClassificationTask: {item.getPath()} cannot be read: {err}")
            _mark_failure(item, "file_missing")
            return
        if self._pictures.is_full():
            self._collect(1)
        self._held[item.getId()] = item
        self._pictures.add((item.getId(), picture.name), picture, str(item.getHash()))
        self._collect(0)

    def _collect(self, at_least):
        for (key, sent), result in self._pictures.finished(at_least):
            item = self._held[key]
            if sent == "original" and result.get("code") in _UNREADABLE:
                thumbnail = _thumbnail(item)
                if thumbnail is not None:
                    self._pictures.add((key, thumbnail.name), thumbnail)
                    continue
            del self._held[key]
            self._done.append(item)
            try:
                _write(item, result)
            except Exception as err:  # noqa: BLE001 - errors of Java too; the others go on
                logger.warn(f"ImageClassificationTask: {item.getPath()}: {err}")


def _is_picture(item):
    media_type = item.getMediaType()
    return media_type is not None and item.getHash() and media_type.toString().startswith("image")


def _is_classified(item):
    """As in a case that is processed once more."""
    return item.getExtraAttribute(f"{_PREFIX}status") == _SUCCESS


def _reason_to_skip(item):
    """One of the words for the status, or None."""
    if (item.getLength() or 0) < _shared.skip_size:
        return _SKIPPED_SIZE
    if any(0 < side < _shared.skip_dimension for side in _sides(item)):
        return _SKIPPED_DIMENSION
    if _shared.skip_known and item.getExtraAttribute("hashDb:status") is not None:
        return _SKIPPED_HASH_DB
    return None


def _sides(item):
    """Width and height as far as IPED knows them."""
    for name in ("image:Width", "image:Height"):
        text = item.getMetadata().get(name) or ""
        yield int(text) if text.isdigit() else 0


def _original(item):
    from taskbridge_client.sources import FilePicture

    picture = FilePicture(item.getTempFile().getAbsolutePath())
    picture.name = "original"
    return picture


def _thumbnail(item):
    """IPED's own, a JPEG; None if there is none."""
    from taskbridge_client.sources import BytesPicture

    content = item.getThumb() if item.getExtraAttribute("hasThumb") else None
    if not content:
        return None
    picture = BytesPicture(bytes(number & 255 for number in content))  # Java's bytes are signed
    picture.name = "thumbnail"
    return picture


def _write(item, result):
    """Each attribute has one type, and is not there rather than empty: the index wants it so."""
    from taskbridge_client.results import categories, classes

    if result.get("error"):
        _tell(item, result)
        _mark_failure(item, result["code"])
        return
    found = classes(result)
    if not found:
        item.setExtraAttribute(f"{_PREFIX}status", _NO_CLASS)
        return
    name, _, percent = found[0]
    least = _shared.settings.threshold_percent
    likely = [each for each in found if each[2] >= least]
    if likely:
        item.setExtraAttribute(f"{_PREFIX}classes", [each[0] for each in likely])
        item.setExtraAttribute(f"{_PREFIX}ids", [each[1] for each in likely])
    if groups := categories(result, least):
        item.setExtraAttribute(f"{_PREFIX}categories", [each[0] for each in groups])
    item.setExtraAttribute(f"{_PREFIX}bestclass", name)
    item.setExtraAttribute(f"{_PREFIX}probability", percent / 100)
    item.setExtraAttribute(f"{_PREFIX}score", percent)
    if result.get("model"):
        item.setExtraAttribute(f"{_PREFIX}model", str(result["model"]))
    item.setExtraAttribute(f"{_PREFIX}status", _SUCCESS)


def _tell(item, result):
    if result["code"] in _NOBODY_THERE:
        _shared.tell_once(result["code"], f"{result['error']}. Pictures are not classified.")
    else:
        logger.warn(f"ImageClassificationTask: {item.getPath()}: {result['error']}")


def _mark_failure(item, code):
    item.setExtraAttribute(f"{_PREFIX}status", _NO_RESULTS)
    item.setExtraAttribute(f"{_PREFIX}error", code)


def _makes_report():
    """A report is made of items that were classified before."""
    try:
        return bool(caseData.isIpedReport())
    except AttributeError:
        return False
