"""Autopsy ingest module: the workers of a TaskBridge name what pictures show.

For Autopsy 4.19 and later, in Jython 2.7. Each class of a picture becomes a result of the kind
"object detected", by which the Discovery window filters and groups.
"""

import os
from java.lang import Throwable
from java.util import Arrays
from java.util.logging import Level

from org.sleuthkit.autopsy.casemodule import Case
from org.sleuthkit.autopsy.coreutils import Logger
from org.sleuthkit.autopsy.ingest import (
    FileIngestModule,
    IngestMessage,
    IngestModule,
    IngestModuleFactoryAdapter,
    IngestServices,
)
from org.sleuthkit.autopsy.ingest.IngestModule import IngestModuleException
from org.sleuthkit.datamodel import (
    BlackboardArtifact,
    BlackboardAttribute,
    ReadContentInputStream,
    Score,
    TskData,
)

# All of it now: Autopsy takes this folder off the path of modules after loading.
from taskbridge_client.errors import describe
from taskbridge_client.java_streams import save
from taskbridge_client.results import Answers, categories, classes
from taskbridge_client.settings import BadSettings, Settings, read_properties
from taskbridge_client.sources import FilePicture

_NAME = "Image Classes"
_SETTINGS = "ImageClasses.properties"
#: Without the file type module, files have no type.
_EXTENSIONS = ("avif", "bmp", "gif", "heic", "heif", "ico", "jp2", "jpeg", "jpg", "jxl", "png",
               "tga", "tif", "tiff", "webp")  # fmt: skip

_answers = Answers()


class ImageClassesFactory(IngestModuleFactoryAdapter):
    def getModuleDisplayName(self):
        return _NAME

    def getModuleDescription(self):
        return "Has the workers of a TaskBridge name what pictures show."

    def getModuleVersionNumber(self):
        return "1.0"

    def isFileIngestModuleFactory(self):
        return True

    def createFileIngestModule(self, _options):
        return ImageClassesModule()


class ImageClassesModule(FileIngestModule):
    """One for each thread of the ingest; holds the files whose pictures are in flight."""

    def startUp(self, context):
        self._logger = Logger.getLogger(_NAME)
        self._context = context
        self._held = {}
        self._counts = {}
        try:
            path = os.path.join(os.path.dirname(os.path.abspath(__file__)), _SETTINGS)
            self._settings = Settings(read_properties(path).get)
            self._skips_known = self._settings.flag("skipKnown")
            self._skip_size = self._settings.number("skipSize", 0, 10**9)
            self._pictures = self._settings.pictures(_answers)
        except (BadSettings, EnvironmentError) as err:
            raise IngestModuleException("%s: %s" % (_SETTINGS, describe(err)))

    def process(self, file):
        if self._is_wanted(file):
            self._send(file)
            self._collect(0)
        return IngestModule.ProcessResult.OK

    def shutDown(self):
        while self._held and not self._context.fileIngestIsCancelled():
            self._collect(1)
        self._pictures.close()
        for _, path in self._held.values():
            os.remove(path)
        if self._counts:
            self._tell()

    def _is_wanted(self, file):
        if not file.isFile() or file.getSize() < max(1, self._skip_size):
            return False
        if self._skips_known and file.getKnown() == TskData.FileKnown.KNOWN:
            return False
        return _is_picture(file) and not _is_classified(file)

    def _send(self, file):
        try:
            path = save(ReadContentInputStream(file), Case.getCurrentCase().getTempDirectory())
        except (EnvironmentError, Throwable) as err:
            self._count("file_missing")
            self._log(Level.WARNING, file, describe(err))
            return
        if self._pictures.is_full():
            self._collect(1)
        self._held[file.getId()] = file, path
        self._pictures.add(file.getId(), FilePicture(path), file.getMd5Hash())

    def _collect(self, at_least):
        for key, result in self._pictures.finished(at_least):
            file, path = self._held.pop(key)
            os.remove(path)
            try:
                self._write(file, result)
            except Throwable as err:  # of the case's database
                self._count("case")
                self._log(Level.SEVERE, file, describe(err))

    def _write(self, file, result):
        if result.get("error"):
            self._count(result["code"])
            self._log(Level.WARNING, file, result["error"])
            return
        self._count("classified")
        least = self._settings.threshold_percent
        for name, class_id, percent in classes(result, least) + categories(result, least):
            comment = "%.1f %%, %s, %s" % (percent, class_id, result.get("model") or "")
            self._post(file, name, comment)

    def _post(self, file, name, comment):
        attributes = Arrays.asList(
            BlackboardAttribute(BlackboardAttribute.Type.TSK_DESCRIPTION, _NAME, name),
            BlackboardAttribute(BlackboardAttribute.Type.TSK_COMMENT, _NAME, comment),
        )
        kind = BlackboardArtifact.Type.TSK_OBJECT_DETECTED
        added = file.newAnalysisResult(kind, Score.SCORE_UNKNOWN, None, None, None, attributes)
        blackboard = Case.getCurrentCase().getSleuthkitCase().getBlackboard()
        blackboard.postArtifact(added.getAnalysisResult(), _NAME, self._context.getJobId())

    def _count(self, outcome):
        self._counts[outcome] = self._counts.get(outcome, 0) + 1

    def _log(self, level, file, reason):
        self._logger.log(level, "%s: %s" % (file.getUniquePath(), reason))

    def _tell(self):
        """A message in Autopsy's inbox: what became of the pictures of this thread."""
        failed = sum(self._counts.values()) - self._counts.get("classified", 0)
        kind = IngestMessage.MessageType.WARNING if failed else IngestMessage.MessageType.DATA
        counts = ", ".join("%d %s" % (self._counts[each], each) for each in sorted(self._counts))
        message = IngestMessage.createMessage(kind, _NAME, "Pictures: " + counts)
        IngestServices.getInstance().postMessage(message)


def _is_picture(file):
    mime_type = file.getMIMEType()
    if mime_type is None:
        return (file.getNameExtension() or "").lower() in _EXTENSIONS
    return mime_type.startswith("image/")


def _is_classified(file):
    """In an earlier ingest, of which the results are still there."""
    found = file.getAnalysisResults(BlackboardArtifact.Type.TSK_OBJECT_DETECTED)
    return any(_NAME in each.getSources() for result in found for each in result.getAttributes())
