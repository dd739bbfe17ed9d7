"""Settings as the command line makes them."""

from collections.abc import Mapping, Sequence

from taskworker_classifyimage.command_line import build_app, parse
from taskworker_classifyimage.settings.areas import WorkSettings
from taskworker_classifyimage.settings.classify_areas import Answers


def load_settings(flags: Mapping[str, str], environ: Mapping[str, str]) -> WorkSettings:
    """Those of `work`, with flags by their names."""
    return load_from([f"--{name}={value}" for name, value in flags.items()], environ)


def load_from(arguments: Sequence[str], environ: Mapping[str, str]) -> WorkSettings:
    """Those of `work`."""
    _, given = parse(build_app(environ), ["work", *arguments])
    settings = given.arguments.get("settings", WorkSettings())
    assert isinstance(settings, WorkSettings)
    return settings


def load_answers(arguments: Sequence[str], environ: Mapping[str, str]) -> Answers:
    """Those of `classify` about its answers."""
    _, given = parse(build_app(environ), ["classify", "a.jpg", *arguments])
    answers = given.arguments.get("answers", Answers())
    assert isinstance(answers, Answers)
    return answers
