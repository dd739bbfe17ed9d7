"""A stand-in for Autopsy in Jython, written after its source: runs the module over a folder.

    jython run_autopsy.py PICTURES_FOLDER TEMPORARY_FOLDER FOLDER_OF_PYTHON_MODULES...

It loads each module as Autopsy does and prints what it has written, by its folder, as JSON. The
ingest of a folder named `cancelled` is cancelled.
"""

import json
import os
import sys
import types

from java.io import FileInputStream

blackboard, messages, log = [], [], []
is_cancelled = []


class IngestModuleException(Exception):
    pass


class Named:
    """Constants of Java, by their names."""

    def __init__(self, *names):
        for name in names:
            setattr(self, name, name)


class Attribute:
    Type = Named("TSK_DESCRIPTION", "TSK_COMMENT")

    def __init__(self, kind, source, text):
        self.kind, self.source, self.text = kind, source, text

    def getSources(self):
        return [self.source]


class AnalysisResult:
    def __init__(self, file, kind, attributes):
        self.file, self.kind, self.attributes = file, kind, list(attributes)

    def getAnalysisResult(self):
        return self

    def getAttributes(self):
        return self.attributes


class File:
    """An AbstractFile; its type is known by its extension, and not at all if that is .jpg."""

    def __init__(self, number, path):
        self.number, self.path, self.results = number, path, []

    def getId(self):
        return self.number

    def isFile(self):
        return os.path.isfile(self.path)

    def getSize(self):
        return os.path.getsize(self.path)

    def getKnown(self):
        return "KNOWN" if "known" in self.path else "UNKNOWN"

    def getNameExtension(self):
        return self.path.rpartition(".")[2]

    def getMIMEType(self):
        return {"bmp": "image/bmp", "txt": "text/plain"}.get(self.getNameExtension())

    def getMd5Hash(self):
        return None

    def getUniquePath(self):
        return "/img/" + os.path.basename(self.path)

    def getAnalysisResults(self, kind):
        return [each for each in self.results if each.kind == kind]

    def newAnalysisResult(
        self, kind, _score, _conclusion, _configuration, _justification, attributes
    ):
        result = AnalysisResult(self, kind, attributes)
        self.results.append(result)
        return result


class Everything:
    """Objects of Autopsy of which one method or two are called."""

    def __getattr__(self, name):
        return lambda *_arguments: self

    def getTempDirectory(self):
        return sys.argv[2]

    def getJobId(self):
        return 7

    def fileIngestIsCancelled(self):
        return bool(is_cancelled)

    def postArtifact(self, result, source, job):
        texts = dict((each.kind, each.text) for each in result.attributes)
        path = os.path.basename(result.file.path)
        blackboard.append([path, result.kind, texts["TSK_DESCRIPTION"], texts["TSK_COMMENT"], job])

    def postMessage(self, message):
        messages.append(message)

    def log(self, level, text):
        log.append([str(level), text])


class IngestMessage:
    MessageType = Named("WARNING", "DATA")

    @staticmethod
    def createMessage(kind, _source, subject):
        return [kind, subject]


def stand_in(name, **contents):
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module


def stand_in_for_autopsy():
    everything = Everything()
    singleton = types.ModuleType("singleton")
    singleton.getCurrentCase = singleton.getInstance = lambda: everything
    singleton.getLogger = lambda _name: everything
    ingest_module = types.ModuleType("IngestModule")
    ingest_module.ProcessResult = Named("OK")
    ingest_module.IngestModuleException = IngestModuleException
    artifact = types.ModuleType("BlackboardArtifact")
    artifact.Type = Named("TSK_OBJECT_DETECTED")
    known = types.ModuleType("TskData")
    known.FileKnown = Named("KNOWN")
    for name in ("org", "org.sleuthkit", "org.sleuthkit.autopsy"):
        stand_in(name)
    stand_in("org.sleuthkit.autopsy.casemodule", Case=singleton)
    stand_in("org.sleuthkit.autopsy.coreutils", Logger=singleton)
    stand_in(
        "org.sleuthkit.autopsy.ingest",
        FileIngestModule=object,
        IngestMessage=IngestMessage,
        IngestModule=ingest_module,
        IngestModuleFactoryAdapter=object,
        IngestServices=singleton,
    )
    sys.modules["org.sleuthkit.autopsy.ingest.IngestModule"] = ingest_module
    stand_in(
        "org.sleuthkit.datamodel",
        BlackboardArtifact=artifact,
        BlackboardAttribute=Attribute,
        ReadContentInputStream=lambda file: FileInputStream(file.path),
        Score=Named("SCORE_UNKNOWN"),
        TskData=known,
    )
    return everything


def load_factory(folder):
    """As Autopsy's loader: the folder is on the path of modules only meanwhile."""
    sys.path.append(folder)
    import ImageClasses

    reload(ImageClasses)
    sys.path.remove(folder)
    return ImageClasses.ImageClassesFactory()


def ingest(module, context, files):
    module.startUp(context)
    for file in files:
        assert module.process(file) == "OK"
    module.shutDown()


def run(context, modules, pictures):
    """What a module has written into a case that is ingested twice."""
    del blackboard[:], messages[:], log[:]
    is_cancelled[:] = [modules] * (os.path.basename(modules) == "cancelled")
    factory = load_factory(os.path.join(modules, "ImageClasses"))
    assert factory.isFileIngestModuleFactory()
    names = sorted(os.listdir(pictures))
    files = [File(number, os.path.join(pictures, name)) for number, name in enumerate(names)]
    problem = None
    try:
        for _ in range(2):
            ingest(factory.createFileIngestModule(None), context, files)
    except IngestModuleException as err:
        problem = str(err)
    return {
        "blackboard": blackboard[:],
        "messages": messages[:],
        "log": log[:],
        "problem": problem,
    }


def main(pictures, _temporary, *folders):
    context = stand_in_for_autopsy()
    found = dict((os.path.basename(each), run(context, each, pictures)) for each in folders)
    print(json.dumps(found))


main(*sys.argv[1:])
