"""`labels`: the names of the classes: lists languages, checks a file, finds what a word means."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.table import Column

from taskworker_classifyimage.classify.categories import load_categories
from taskworker_classifyimage.classify.label_check import check_labels, check_spelling
from taskworker_classifyimage.classify.labels import LANGUAGE, Labels, find_label_files
from taskworker_classifyimage.classify.search import Meanings, find_meanings
from taskworker_classifyimage.commands.output import print_table
from taskworker_classifyimage.errors import ConfigError, ExitCode
from taskworker_classifyimage.settings import declare
from taskworker_classifyimage.settings.areas import General, ModelFiles
from taskworker_classifyimage.settings.declare import Text
from taskworker_classifyimage.tasks import DEFAULT_LANGUAGE
from taskworker_classifyimage.words import counted

app = App(name="labels")

#: How many classes of a category or a group are named.
_SHOWN: Final = 12
_Language = Annotated[str, declare.task_data("TAG", "targetlanguage")]


@app.default
def run(files: ModelFiles = ModelFiles(), general: General = General()) -> None:
    """Prints the languages in which the classes have names."""
    general.set_up_logging()
    labels = find_label_files(further=files.labels_dir)
    example = "n02123394"
    print_table(
        (Column(), Column()),
        *((language, labels.names(language)[example]) for language in labels.languages),
    )


app.command(run, name="list", help="List the languages, as 'labels' alone does.")


@app.command
def check(
    *paths: Annotated[Path, Parameter(allow_leading_hyphen=False)],
    language: Text = None,
    general: General = General(),
) -> int:
    """Check files of names, and say what is wrong with them.

    Args:
        paths: files such as fr.names; without any, those of the package
        language: of the files; else their names say it
    """
    general.set_up_logging()
    folder = Path(__file__).parent.parent / "data" / "labels"
    problems = [
        _check(path, language or path.stem) for path in paths or sorted(folder.glob("*.names"))
    ]
    return ExitCode.FAILED if any(problems) else ExitCode.DONE


@app.command
def find(
    word: str,
    /,
    *,
    language: _Language = DEFAULT_LANGUAGE,
    files: ModelFiles = ModelFiles(),
    general: General = General(),
) -> int:
    """Find the classes and categories that a word means.

    Args:
        word: one or several words
        language: of the word and the names; English words are found as well
    """
    general.set_up_logging()
    labels = find_label_files(further=files.labels_dir)
    used, _ = labels.resolve(language)
    found = find_meanings(word, used, labels)
    _print_meanings(found, labels, used)
    if not (found.classes or found.categories or found.groups):
        print(f"No class and no category is called {word!r}.")
        return ExitCode.FAILED
    return ExitCode.DONE


def _check(path: Path, tag: str) -> int:
    """Prints what is wrong; returns how much."""
    if not LANGUAGE.fullmatch(tag):
        raise ConfigError(
            f"{path}: name it after its language, such as fr.names, or say --language"
        )
    problems = check_labels(path, tag)
    spelling = None if problems else check_spelling(path, tag)
    for problem in (*problems, *(spelling or ())):
        place = f"{path}, line {problem.line}" if problem.line else str(path)
        print(f"{place}: {problem.text}")
    count = len(problems) + len(spelling or ())
    if not count:
        spelled = "" if spelling is None else ", spelling too"
        print(f"{path}: all right{spelled}")
    return count


def _print_meanings(found: Meanings, labels: Labels, language: str) -> None:
    names = labels.names(language)
    for category in found.categories:
        title = f"category {category.id} ({category.level}): {category.name}"
        print(f"{title}, {_list(category.classes, names)}")
    for group in found.groups:
        print(f"all of {', '.join(group.words)}: {_list(group.classes, names)}")
    for each in found.classes:
        fine, coarse = load_categories().of_class(each.class_id)[:2]
        print(f"{each.class_id}  {each.name}  ({fine.id}, {coarse.id})")


def _list(class_ids: tuple[str, ...], names: Mapping[str, str]) -> str:
    shown = ", ".join(names[each] for each in class_ids[:_SHOWN])
    more = f" and {len(class_ids) - _SHOWN} more" if len(class_ids) > _SHOWN else ""
    return f"{counted(len(class_ids), 'class')}: {shown}{more}"
