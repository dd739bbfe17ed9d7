"""Puts the image classification task into an IPED folder, or takes it out again.

    python install.py IPED_FOLDER [--language de]
    python install.py IPED_FOLDER --uninstall

May be run again at any time. Files of IPED that it changes are kept beside them as NAME.backup.
"""

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SCRIPT = "ImageClassificationTask.py"
_SETTINGS = "ImageClassification.txt"
_CLIENT = "taskbridge_client"
_PROPERTY = "enableImageClassification"
_TASK = f'<task script="{_SCRIPT}"></task>'
#: The task belongs after the thumbnails and before the carvers: after the last of these that is
#: there. The last one has always been there.
_BEFORE = ("RemoteImageClassifierTask", "PhotoDNALookup", "ImageThumbTask", "ParsingTask")
_FILTERS = tuple(
    {
        "name": name,
        "prefix": name.replace(" ", ""),
        "property": f"image\\:classification\\:{attribute}",
        "value": "*",
        "dynamic": "true",
    }
    for name, attribute in (("Image Classes", "classes"), ("Image Categories", "categories"))
)


def main():
    """Installs or uninstalls, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder that holds IPEDConfig.txt")
    parser.add_argument("--language", help="of the class names; default: IPED's own language")
    parser.add_argument("--uninstall", action="store_true")
    asked = parser.parse_args()
    try:
        _check(asked.folder)
        if asked.uninstall:
            uninstall(asked.folder)
        else:
            install(asked.folder, asked.language)
    except (OSError, ValueError) as err:  # a ValueError: a file of IPED is not UTF-8
        sys.exit(f"install: {err}")


def install(folder, language=None):
    """Copies the task and adds it to IPED's settings; the user's settings of the task stay."""
    tasks = folder / "scripts" / "tasks"
    shutil.copyfile(_HERE / _SCRIPT, tasks / _SCRIPT)
    _remove_client(tasks)
    shutil.copytree(
        _client(), tasks / _CLIENT, ignore=shutil.ignore_patterns("__pycache__", "*.class")
    )
    settings = folder / "conf" / _SETTINGS
    if settings.exists():
        print(f"kept: {settings}")
    else:
        language = language or _language(folder)
        text = (_HERE / _SETTINGS).read_text(encoding="utf-8")
        _write(settings, re.sub(r"(?m)^language = .*$", f"language = {language}", text))
        print(f"new: {settings}; set taskBridgeUrl there")
    _change(folder / "IPEDConfig.txt", _enabled)
    _change(folder / "conf" / "TaskInstaller.xml", _with_task)
    if (filters := folder / "conf" / "AIFiltersConfig.json").exists():  # IPED 4.3 and later
        _change(filters, _with_filters)
    for profile in sorted(folder.glob("profiles/*/conf/TaskInstaller.xml")):
        if _TASK not in profile.read_text(encoding="utf-8"):
            print(f"not changed, as it is a profile's own: {profile}; add {_TASK} if you use it")


def uninstall(folder):
    """Removes what `install` has added; the settings of the task are kept as a backup."""
    tasks = folder / "scripts" / "tasks"
    (tasks / _SCRIPT).unlink(missing_ok=True)
    _remove_client(tasks)
    settings = folder / "conf" / _SETTINGS
    if settings.exists():
        os.replace(settings, f"{settings}.backup")
    _change(folder / "IPEDConfig.txt", _without_property)
    _change(folder / "conf" / "TaskInstaller.xml", _without_task)
    if (filters := folder / "conf" / "AIFiltersConfig.json").exists():
        _change(filters, _without_filters)


def _check(folder):
    for name in ("IPEDConfig.txt", "conf/TaskInstaller.xml", "scripts/tasks"):
        if not (folder / name).exists():
            sys.exit(f"install: {folder} has no {name}; name the folder that IPED is in")


def _client():
    """In a checkout it is shared by all integrations."""
    beside = _HERE / _CLIENT
    return beside if beside.exists() else _HERE.parent / "client" / _CLIENT


def _remove_client(tasks):
    if (tasks / _CLIENT).exists():
        shutil.rmtree(tasks / _CLIENT)


def _language(folder):
    """That of IPED's own texts, such as pt-BR."""
    path = folder / "LocalConfig.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"(?m)^\s*locale\s*=\s*(\S+)", text)
    return found[1].partition("-")[0] if found else "en"


def _change(path, change):
    """Rewrites a file of IPED if that changes it; what it was before the first change is kept."""
    old = path.read_bytes().decode("utf-8")
    new = change(old)
    if new == old:
        return
    backup = Path(f"{path}.backup")
    if not backup.exists():
        shutil.copyfile(path, backup)
    _write(path, new)
    print(f"changed: {path}")


def _write(path, text):
    """Completely or not at all."""
    part = Path(f"{path}.part")
    part.write_bytes(text.encode("utf-8"))
    os.replace(part, path)


def _line_end(text):
    return "\r\n" if "\r\n" in text else "\n"


def _enabled(text):
    line = re.compile(rf"(?m)^[ \t]*{_PROPERTY}[ \t]*=[^\r\n]*")
    if line.search(text):
        return line.sub(f"{_PROPERTY} = true", text)
    end = _line_end(text)
    if text and not text.endswith("\n"):
        text += end
    return f"{text}{end}# Classes of pictures, see conf/{_SETTINGS}{end}{_PROPERTY} = true{end}"


def _without_property(text):
    end = r"(?:\r?\n|$)"
    text = re.sub(rf"(?:\r?\n)?# Classes of pictures, see conf/{_SETTINGS}(?=\r?\n)", "", text)
    return re.sub(rf"(?m)^[ \t]*{_PROPERTY}[ \t]*=[^\r\n]*{end}", "", text)


def _with_task(text):
    """A line of an older version goes: it may be before the thumbnails are made."""
    text = _without_task(text)
    active = re.sub(r"<!--.*?-->", lambda comment: " " * len(comment[0]), text, flags=re.DOTALL)
    for name in _BEFORE:
        found = re.search(rf'[ \t]*<task\s+class="[\w.]*\b{name}"\s*(?:/>|>\s*</task>)', active)
        if found:
            line_end = re.compile(r"[^\r\n]*").match(text, found.end()).end()
            return f"{text[:line_end]}{_line_end(text)}    {_TASK}{text[line_end:]}"
    raise OSError(f"TaskInstaller.xml has none of the tasks {', '.join(_BEFORE)}")


def _without_task(text):
    line = rf'(?m)^[ \t]*<task\s+script="{_SCRIPT}"\s*(?:/>|>\s*</task>)[ \t]*\r?\n'
    return re.sub(line, "", text)


def _with_filters(text):
    """Adds the text of the entries, so that all else stays as it is laid out."""
    there = {each.get("property") for each in _filters(text)}
    for each in _FILTERS:
        if each["property"] not in there:
            text = _with_filter(text, json.dumps(each))
    return text


def _with_filter(text, entry):
    end = text.rindex("]")
    start = text[:end].rstrip()
    comma = "" if start.endswith("[") else ","
    line_end = _line_end(text)
    return f"{start}{comma}{line_end * 2}    {entry}{line_end}{line_end}{text[end:]}"


def _without_filters(text):
    for each in _FILTERS:
        text = re.sub(rf",?\s*{re.escape(json.dumps(each))}", "", text)
    return text


def _filters(text):
    try:
        filters = json.loads(text)["children"]
    except (ValueError, KeyError, TypeError) as err:
        raise OSError(f"AIFiltersConfig.json is not as expected: {err}") from err
    if not isinstance(filters, list) or text[text.rindex("]") + 1 :].strip() != "}":
        raise OSError("AIFiltersConfig.json is not as expected: it does not end with its filters")
    return filters


if __name__ == "__main__":
    main()
