"""Copies the integration of Autopsy, Nuix or X-Ways, with what it needs, into a folder.

    python install.py autopsy FOLDER_OF_PYTHON_MODULES
    python install.py nuix FOLDER
    python install.py xways FOLDER_OF_XWAYS

May be run again to update; the settings that are there stay. IPED has an installer of its own.
"""

import argparse
import shutil
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_CLIENT = "taskbridge_client"


def main():
    """Copies what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", choices=("autopsy", "nuix", "xways"))
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    if asked.tool == "autopsy":
        target = asked.folder / "ImageClasses"
        copy(_HERE / "autopsy" / "ImageClasses", target, "ImageClasses")
    elif asked.tool == "xways":
        target = asked.folder
        copy(_HERE / "xways", target, "XT_ImageClasses")
    else:
        target = asked.folder
        copy(_HERE / "nuix", target, "image_classes")
        _set_folder(target / "image_classes.py", target.resolve())
    print(f"copied to {target}; set taskBridgeUrl in the file .properties there")


def copy(source, target, name):
    """The script, its settings if there are none yet, and a fresh copy of the client."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / f"{name}.py", target / f"{name}.py")
    if not (settings := target / f"{name}.properties").exists():
        shutil.copyfile(source / f"{name}.properties", settings)
    if (client := target / _CLIENT).exists():
        shutil.rmtree(client)
    shutil.copytree(
        _HERE / "client" / _CLIENT, client, ignore=shutil.ignore_patterns("__pycache__", "*.class")
    )


def _set_folder(script, folder):
    """Nuix does not tell a script where it lies."""
    text = script.read_text(encoding="utf-8")
    lines = [f"FOLDER = {str(folder)!r}" if line.startswith("FOLDER = ") else line
             for line in text.splitlines()]  # fmt: skip
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
