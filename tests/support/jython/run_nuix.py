"""A stand-in for a worker of Nuix, in Jython: runs the worker-side script over a folder.

    jython run_nuix.py PICTURES_FOLDER FOLDER_OF_THE_SCRIPT...

It prints the tags and the custom metadata of each item, by the script's folder, as JSON.
"""

import json
import os
import sys

from java.io import FileInputStream


class Item:
    """A worker item with its source item, type, binary, data and digests."""

    def __init__(self, path):
        self.path, self.tags, self.metadata = path, [], {}

    def itself(self):
        return self

    getSourceItem = getType = getBinary = getBinaryData = getDigests = itself

    def getName(self):
        return {".bmp": "image/bmp", ".jpg": "image/jpeg"}.get(self.path[-4:], "text/plain")

    def getInputStream(self):
        return FileInputStream(self.path)

    def getMd5(self):
        return None

    def addTag(self, tag):
        self.tags.append(tag)

    def addCustomMetadata(self, name, value, kind, mode):
        assert mode == "user"
        assert isinstance(value, {"text": basestring, "float": float}[kind]), (name, value)
        self.metadata[name] = value


def run(folder, pictures):
    callbacks = {}
    execfile(os.path.join(folder, "image_classes.py"), callbacks)
    callbacks["nuixWorkerItemCallbackInit"]()
    found = {}
    for name in sorted(os.listdir(pictures)):
        item = Item(os.path.join(pictures, name))
        callbacks["nuixWorkerItemCallback"](item)
        found[name] = [item.tags, item.metadata]
    callbacks["nuixWorkerItemCallbackClose"]()
    return found


def main(pictures, *folders):
    print(json.dumps(dict((os.path.basename(each), run(each, pictures)) for each in folders)))


main(*sys.argv[1:])
