"""Classifies the files that X-Ways Forensics has exported for analysis.

    python external_analysis.py FOLDER [flags of classify]

X-Ways names the folder by a checksum of the case and the files by their unique ids, and puts a file
`Checksum` with them. What is found goes into a folder beside it, `FOLDER-classes`:

    report.html      to look at
    classes.csv      the unique id of each file, its MD5, and what it shows
    hashes/NAME.txt  the MD5 of each picture of a class, for X-Ways' hash database
    categories/NAME.txt  the same for each category, with the flag --categories
    rows.jsonl       for a run that goes on after an end or a crash

The Python must be the one that taskworker-classifyimage is installed for.
"""

import argparse
import collections
import csv
import hashlib
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

#: Checksum of the case, handle of X-Ways' main window, reserved bytes, title of the case.
_CHECKSUM = struct.Struct("<IIQ128s")
#: What Windows does not let a file be named by.
_NO_FILE_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
_CHUNK_BYTES = 2**20
#: The exit codes of `classify` for a run that has come to its end.
_DONE, _SOME_FAILED = 0, 1


def main():
    """Runs `classify`, then writes what X-Ways can take in; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Not every window of Windows can show every title.
        stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--probability", type=float, default=0.5, help="least one of a hash list")
    wanted, flags = parser.parse_known_args()
    folder = wanted.folder.resolve()
    problem = check_folder(folder)
    if problem:
        print(f"{folder}: {problem}", file=sys.stderr)
        return 2
    target = folder.with_name(f"{folder.name}-classes")
    target.mkdir(exist_ok=True)
    print(f"{read_title(folder) or 'case'}: results go to {target}", flush=True)
    code = classify(folder, target, flags)
    if code in (_DONE, _SOME_FAILED) and (target / "rows.jsonl").exists():
        print(f"{write_lists(target, wanted.probability)} lists of hashes")
    return code


def check_folder(folder):
    """Why this is no folder that X-Ways has exported; None if it is one."""
    try:
        content = (folder / "Checksum").read_bytes()
    except OSError as err:
        return f"X-Ways has not exported this folder: it has no file Checksum ({err.strerror})"
    if len(content) < _CHECKSUM.size:
        return f"the file Checksum has {len(content)} bytes instead of {_CHECKSUM.size}"
    return None


def read_title(folder):
    """The title of the case."""
    title = _CHECKSUM.unpack_from((folder / "Checksum").read_bytes())[3]
    return title.decode("utf-16-le", "replace").partition("\0")[0]


def classify(folder, target, flags):
    """Classifies all files of the folder, or goes on with that; returns the exit code."""
    command = [sys.executable, "-m", "taskworker_classifyimage", "classify", str(folder)]
    outputs = [str(target / name) for name in ("rows.jsonl", "report.html")]
    command += ["--exclude", "Checksum", "--exclude", "*.rtd", "--resume"]
    return subprocess.call([*command, *(f"--output={name}" for name in outputs), *flags])


def write_lists(target, least):
    """Writes the table and the lists of hashes; returns how many lists there are."""
    by_class, by_category = collections.defaultdict(set), collections.defaultdict(set)
    with (
        (target / "rows.jsonl").open(encoding="utf-8") as rows,
        (target / "classes.csv").open("w", encoding="utf-8-sig", newline="") as file,
    ):
        table = csv.writer(file)
        columns = ["id", "md5", "status", "class", "name", "probability", "error"]
        table.writerow([*columns, "category", "category_probability"])
        for line in rows:
            row = json.loads(line)
            best = (row["predictions"] or [{}])[0]
            md5 = md5_of(Path(row["path"]))
            shown = [best.get(key) for key in ("class", "name", "probability")]
            name = Path(row["path"]).name
            categories = row.get("categories", [])
            fine = next((each for each in categories if each["level"] == "fine"), {})
            category = [fine.get(key) for key in ("name", "probability")]
            table.writerow([name, md5, row["status"], *shown, row.get("error"), *category])
            if not md5:
                continue
            for hashes, found in ((by_class, row["predictions"][:1]), (by_category, categories)):
                for each in found:
                    if each["probability"] >= least:
                        hashes[to_file_name(each["name"])].add(md5)
    write_hashes(target / "hashes", by_class)
    write_hashes(target / "categories", by_category)
    return len(by_class) + len(by_category)


def write_hashes(folder, hashes):
    """One list for each name, in the place of those of an earlier run.

    X-Ways takes a list whose first line is the kind of hash.
    """
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()
    for name, values in hashes.items():
        lines = ["MD5", *sorted(values), ""]
        (folder / f"{name}.txt").write_bytes("\r\n".join(lines).encode("ascii"))
    if not hashes:
        folder.rmdir()


def md5_of(path):
    """The MD5 of a file in hexadecimal; None if it cannot be read any more."""
    digest = hashlib.md5()  # noqa: S324 - what X-Ways' hash databases hold
    try:
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest().upper()


def to_file_name(name):
    """A name of a class as a file's name; X-Ways names a set of hashes by its file."""
    return _NO_FILE_NAME.sub("-", name).strip(" .") or "-"


if __name__ == "__main__":
    sys.exit(main())
