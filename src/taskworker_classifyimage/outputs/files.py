"""The files of a run: the checkpoint while it goes on, and at its end what is made from it.

FILE                    when it is finished
FILE.part               whole JSON lines while they are written; they are their own checkpoint
FILE.checkpoint.jsonl   the checkpoint of all other formats
FILE.index.sqlite       finds rows in it; holds the thumbnails of a report
FILE.run.json           what is true of the whole run
FILE.lock               keeps a second run away
FILE_files/             thumbnails of a report of many pictures
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

from taskworker_classifyimage.atomic_file import rename_flushed, write_atomically
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.checkpoint import Checkpoint
from taskworker_classifyimage.local.index import Index
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import sqlite_file
from taskworker_classifyimage.outputs.formats import Output
from taskworker_classifyimage.outputs.run_facts import check_same_settings, encode_facts
from taskworker_classifyimage.outputs.run_lock import run_lock
from taskworker_classifyimage.outputs.sqlite_file import SqliteFile
from taskworker_classifyimage.outputs.thumbnails import Thumbnails

#: Rows that a table gets at once.
_BATCH: Final = 1000

#: Writes an output from all rows.
Make = Callable[[Output, Path, Iterator[Row], Mapping[str, object]], None]
#: Writes a case of Project VIC; it finds rows by their paths.
MakeCase = Callable[[Path, Callable[[str], Row | None]], None]


class OutputFiles:
    """All outputs of one run; used by one thread at a time.

    Attributes:
        checkpoint: the rows.
        thumbnails: keeps those of a report; None if there is none.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        make: Make,
        make_case: MakeCase | None = None,
        keeps: Callable[[Row], bool] | None = None,
        *,
        is_lean: bool = False,
    ) -> None:
        """Touches nothing yet.

        Args:
            outputs: at least one.
            make: writes each of them at the end.
            make_case: the same for a case.
            keeps: which rows the outputs get, except for a case; None: all.
            is_lean: whether JSON lines hold less than the checkpoint.
        """
        self._outputs = outputs
        self._make = make
        self._make_case = make_case
        self._keeps = keeps
        whole = [output for output in outputs if output.format == "jsonl"]
        self._own = whole[0] if whole and not is_lean and keeps is None else None
        self._base = (self._own or outputs[0]).path
        rows = _add(self._base, ".part" if self._own else ".checkpoint.jsonl")
        self.checkpoint = Checkpoint(rows, Index(_add(self._base, ".index.sqlite")))
        self._run = _add(self._base, ".run.json")
        has_report = any(output.format == "html" for output in outputs)
        self.thumbnails = Thumbnails(self.checkpoint.index) if has_report else None
        #: Tables that others read while the run goes on.
        self._tables = {
            output: SqliteFile(keeps) for output in outputs if output.format == "sqlite"
        }
        self._facts: dict[str, object] = {}
        self._was_finished = False
        self._stack = ExitStack()

    @property
    def paths(self) -> frozenset[str]:
        """Absolute paths of the outputs; all other files add an ending to one of them."""
        written = [output.path.absolute() for output in self._outputs]
        return frozenset(map(str, [*written, *map(_folder_of, written)]))

    def open(self, facts: Mapping[str, object], *, resumes: bool, overwrites: bool) -> None:
        """Begins a run, or goes on with one.

        Args:
            facts: what is true of the whole run, as far as it is known.
            resumes: go on where an earlier run has ended.
            overwrites: delete what an earlier run has left.

        Raises:
            ConfigError: there is something already, it was made with other settings, or another run
                is writing it.
            OSError: the files cannot be written.
        """
        self._stack.enter_context(run_lock(_add(self._base, ".lock"), self._base))
        if overwrites:
            self._remove_all()
        elif resumes:
            self._prepare_resume(facts)
        else:
            self._refuse_existing()
        self._facts = {**self._read_run(), **facts} if resumes else dict(facts)
        self._write_run()
        self.checkpoint.open()
        self._stack.callback(self.checkpoint.close)
        for output, table in self._tables.items():
            table.open(output.path, has_categories=bool(facts.get("categories")))
            self._stack.callback(table.close)
            self._catch_up(table)

    def append(self, rows: Sequence[Row]) -> None:
        """Writes rows to the checkpoint; raises `OSError` if the disk is full."""
        if self.thumbnails is not None:
            # Before the rows: after a kill, a run does not come back to what has one.
            self.thumbnails.write()
        self.checkpoint.append(rows)
        for table in self._tables.values():
            table.add(rows, self.checkpoint.size_bytes)

    def finish(self, facts: Mapping[str, object]) -> None:
        """Makes all outputs; raises `OSError` if the disk is full: the checkpoint is still good.

        Args:
            facts: what is true of the whole run.
        """
        self._facts.update(facts)
        self._write_run()
        self.checkpoint.flush()
        for output in self._outputs:
            if output is not self._own and output not in self._tables:
                self._make_one(output)
        for table in self._tables.values():
            if self._own is not None and self.checkpoint.index.has_old_rows:
                # The checkpoint will be made anew: its offsets change.
                table.add((), 0)
            table.finish(self._facts)
        if self._own is not None:
            self._finish_own(self._own)
        if self.thumbnails is None:
            # It is made again when it is needed; thumbnails are not.
            self.checkpoint.index.remove()
        self.close()

    def close(self) -> None:
        """Closes all files and lets another run use them."""
        self._stack.close()

    def find_equal(self, sha256: str) -> Mapping[str, object] | None:
        """The result of a classified file with the same content."""
        start = self.checkpoint.index.find_equal(sha256)
        return None if start is None else self.checkpoint.read(start).result

    def _catch_up(self, table: SqliteFile) -> None:
        """Gives a table the rows that it does not have, after a kill or for the first time."""
        start = 0 if self._was_finished else min(table.offset, self.checkpoint.size_bytes)
        rows = self.checkpoint.rows(start)
        while batch := list(islice(rows, _BATCH)):
            table.add((row for _, row in batch), batch[-1][0])

    def _make_one(self, output: Output) -> None:
        part = _add(output.path, ".part")
        part.unlink(missing_ok=True)
        all_rows = (row for _, row in self.checkpoint.rows())
        rows = all_rows if self._keeps is None else filter(self._keeps, all_rows)
        if output.format == "html":
            self._make_report(output.path, part, rows)
        elif output.format == "vics" and self._make_case is not None:
            self._make_case(part, self._find_row)
        else:
            self._make(output, part, rows, self._facts)
        rename_flushed(part, output.path)

    def _make_report(self, page: Path, part: Path, rows: Iterator[Row]) -> None:
        from taskworker_classifyimage.outputs import report  # noqa: PLC0415 - not for all

        folder, folder_part = _folder_of(page), _folder_of(part)
        shutil.rmtree(folder_part, ignore_errors=True)
        has_folder = report.write(
            part, folder_part, folder.name, rows, self._facts, self._find_thumbnail
        )
        shutil.rmtree(folder, ignore_errors=True)
        if has_folder:
            folder_part.replace(folder)

    def _find_row(self, path: str) -> Row | None:
        entry = self.checkpoint.index.find(path)
        return None if entry is None else self.checkpoint.read(entry.start)

    def _find_thumbnail(self, row: Row) -> bytes | None:
        found = self.checkpoint.index.find_thumbnail
        return None if row.sha256 is None else found(row.sha256)

    def _finish_own(self, own: Output) -> None:
        """Makes a checkpoint the output that it is, without rows that no longer count."""
        rows = self.checkpoint.path
        if self.checkpoint.index.has_old_rows:
            shorter = _add(own.path, ".part2")
            with shorter.open("wb") as file:
                file.writelines(row.to_json() + b"\n" for _, row in self.checkpoint.rows())
            self.checkpoint.close()
            rename_flushed(shorter, rows)
            self.checkpoint.index.remove()
        self.checkpoint.close()
        rename_flushed(rows, own.path)

    def _prepare_resume(self, facts: Mapping[str, object]) -> None:
        rows = self.checkpoint.path
        if self._own is not None and self._own.path.exists():
            if rows.exists():
                raise ConfigError(
                    f"--resume: both {self._own.path} and {rows} are there; delete the older one"
                )
            self._own.path.replace(rows)
            # Its rows may have been written anew, so that offsets in it are other ones.
            self._was_finished = True
        if not rows.exists():
            self._refuse_existing()
            return
        before = self._read_run()
        if before:
            check_same_settings(self._base, before, facts)

    def _refuse_existing(self) -> None:
        for output in self._outputs:
            names = [output.path]
            if output.format == "html":
                names.append(_folder_of(output.path))
            for path in names:
                if path.exists():
                    raise ConfigError(
                        f"--output {path} exists; --overwrite replaces it, --resume adds to it"
                    )
        if self.checkpoint.path.exists():
            raise ConfigError(
                f"--output {self._base}: an unfinished run is there; go on with --resume, or start "
                "anew with --overwrite"
            )

    def _remove_all(self) -> None:
        self.checkpoint.index.remove()
        for output in self._outputs:
            sqlite_file.remove(output.path)
            if output.format == "html":
                shutil.rmtree(_folder_of(output.path), ignore_errors=True)
        for path in (self.checkpoint.path, self._run):
            path.unlink(missing_ok=True)

    def _read_run(self) -> dict[str, object]:
        try:
            read = json.loads(self._run.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise ConfigError(f"{self._run} is damaged; delete it to go on all the same") from None
        return read if isinstance(read, dict) else {}

    def _write_run(self) -> None:
        write_atomically(self._run, encode_facts(self._facts))


def _add(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _folder_of(page: Path) -> Path:
    """The folder of thumbnails that a large report has."""
    return page.with_name(f"{page.name}_files")
