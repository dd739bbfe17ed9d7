"""Classifies a folder with the shared client, on any Python from 2.7 on.

    python classify_folder.py CLIENT_FOLDER URL PICTURES_FOLDER

Prints what became of each file as JSON: its best class, or the code of its error.
"""

import io
import json
import os
import sys

client, url, folder = sys.argv[1:]
sys.path.insert(0, client)
sys.dont_write_bytecode = True

from taskbridge_client.results import Answers, classes
from taskbridge_client.settings import Settings
from taskbridge_client.sources import BytesPicture, FilePicture

pictures = Settings({"taskBridgeUrl": url, "language": "en"}.get).pictures(Answers())
found = {}


def take(at_least):
    for name, result in pictures.finished(at_least):
        found[name] = result.get("code") or classes(result)[0][0]


for number, name in enumerate(sorted(os.listdir(folder))):
    if pictures.is_full():
        take(1)
    path = os.path.join(folder, name)
    if number % 2:
        picture = FilePicture(path)
    else:
        with io.open(path, "rb") as file:
            picture = BytesPicture(file.read())
    pictures.add(name, picture)
take(len(pictures))
pictures.close()
print(json.dumps(found))
