"""The settings of `classify` alone: which files, what answers, which outputs; see `areas`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from taskworker_classifyimage.local.category_filter import (
    CategoryFilter,
    check_independent,
    make_filter,
)
from taskworker_classifyimage.outputs.formats import Format
from taskworker_classifyimage.settings import declare
from taskworker_classifyimage.settings.declare import File, Switch, choice, number, setting
from taskworker_classifyimage.tasks import (
    DEFAULT_LANGUAGE,
    DEFAULT_TOP,
    ClassifyRequest,
    parse_request,
)

#: The least probability of a name; where classes do not exclude each other, the model has one.
Least = Annotated[
    float | None, setting("P", declare.read_probability, default="0.5, or the model's threshold")
]


@Parameter(name="*", group=Group("Results", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What `classify` prints about a picture.

    Attributes:
        language: language of the names
        top: number of predictions for each picture
        min_probability: leave out classes and categories that are less probable, 0 to 1
        categories: say to which categories, such as vehicle or dog, each picture belongs
        category: write only pictures of this category (name or id); may be given more than once
        category_probability: the least probability of such a category, 0 to 1
        synonyms: add WordNet's English synonyms to each prediction
        provenance: add to each result how it was made, with checksums of picture, model and names
    """

    language: Annotated[str, declare.task_data("TAG", "targetlanguage")] = DEFAULT_LANGUAGE
    top: Annotated[str, declare.task_data("N", "numberofpredictions")] = str(DEFAULT_TOP)
    min_probability: Annotated[
        float | None, setting("P", declare.read_probability, default="0, or the model's threshold")
    ] = None
    categories: Switch = False
    category: Annotated[tuple[str, ...], declare.several("NAME")] = ()
    category_probability: Annotated[float, setting("P", declare.read_probability)] = 0.5
    synonyms: Switch = False
    provenance: Switch = False

    def request(self) -> ClassifyRequest:
        """The same as a request; the texts were checked when they were read."""
        data = {"targetlanguage": self.language, "numberofpredictions": self.top}
        return replace(
            parse_request(data),
            provenance=self.provenance,
            min_probability=self.min_probability,
            categories=self.categories or bool(self.category),
            synonyms=self.synonyms,
        )

    def make_filter(self) -> CategoryFilter | None:
        """Which rows belong to the outputs; None: all.

        Raises:
            ConfigError: there is no such category.
        """
        if not self.category:
            return None
        return make_filter(self.category, self.category_probability, self.request())

    def check_filter(self, threshold: float | None) -> None:
        """Checks that a model with this threshold tells all that the filter needs.

        Raises:
            ConfigError: it could leave out a category before it is looked for.
        """
        if self.category and threshold is not None:
            check_independent(self.category_probability, self.request(), threshold)


@Parameter(name="*", group=Group("Which files", sort_key=0))
@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Which files `classify` looks at.

    Attributes:
        files_from: list of files, one on each line or separated by zero bytes; -: standard input
        vics: case of Project VIC (JSON): the files of its media (docs/vics.md)
        vics_files: folder that the paths in the case are relative to
        include: only files whose names match, such as '*.jpg'; may be given more than once
        exclude: no files and folders whose names match; may be given more than once
        all: hidden files and the system's too, such as .DS_Store and Thumbs.db
        sort: in the order of their names, folder by folder
        archives: look into zip and tar archives
    """

    files_from: Annotated[str | None, setting("FILE", allow_leading_hyphen=True)] = None
    vics: File = None
    vics_files: Annotated[Path | None, declare.folder("the folder of the case")] = None
    include: Annotated[tuple[str, ...], declare.several("PATTERN")] = ()
    exclude: Annotated[tuple[str, ...], declare.several("PATTERN")] = ()
    all: Switch = False
    sort: Switch = False
    archives: Switch = False


@Parameter(name="*", group=Group("Outputs (docs/folders.md)", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What `classify` writes instead of JSON lines on standard output.

    Attributes:
        output: by its ending: .jsonl .csv .parquet .sqlite .html .json; may be given more than once
        partition_size: with --engine ray: pictures in each file of Parquet
        format: format of all outputs, whatever their endings
        resume: go on where an earlier run has ended, or add what is new since
        update: with --resume, classify files again that have changed
        overwrite: replace existing outputs
        lean: JSON lines with path, class, name and probability alone
        rows: predictions: a row of a CSV file for each prediction
        excel: CSV for Excel: marked as UTF-8, with semicolons, formulas disarmed
        sha256: add the checksum of each file to CSV files
        failed: write the paths of what failed to this file, for --files-from
        no_dedup: classify equal files again
        sidecar: write keywords beside each picture: full: NAME.EXT.xmp, stem: NAME.xmp
        sidecar_probability: leave out less probable keywords, 0 to 1
        sidecar_remove: remove the keywords of this program from sidecars, and do nothing else
        vics_probability: leave less probable names out of the tags of a case, 0 to 1
        strict: end with 1 for files that are no pictures, too
    """

    output: Annotated[tuple[str, ...], declare.several("FILE")] = ()
    partition_size: Annotated[int | None, number("N", 1, 1_000_000, default="1000")] = None
    format: Annotated[Format | None, choice("FORMAT", default="by the ending")] = None
    resume: Switch = False
    update: Switch = False
    overwrite: Switch = False
    lean: Switch = False
    rows: Annotated[Literal["pictures", "predictions"], choice("WHAT")] = "pictures"
    excel: Switch = False
    sha256: Switch = False
    failed: File = None
    no_dedup: Switch = False
    sidecar: Annotated[Literal["full", "stem"] | None, choice("NAME", default="none")] = None
    sidecar_probability: Least = None
    sidecar_remove: Switch = False
    vics_probability: Least = None
    strict: Switch = False
