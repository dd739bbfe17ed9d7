import pytest

from taskworker_classifyimage.cli import main


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("--langauge de", "there is no flag --langauge; did you mean --language?"),
        ("work --bridge-prot=1", "there is no flag --bridge-prot; did you mean --bridge-port?"),
        ("work --bridge-token x", "there is no flag --bridge-token; did you mean --bridge-"),
        ("work --sort", "--sort is a flag of other commands"),
        ("modles", "'modles' is not expected here; did you mean models?"),
        ("models lisst", "'lisst' is not expected here; did you mean list?"),
        ("evaluate a b", "'b' is not expected here"),
        ("evaluate", "FOLDER is missing: "),
        ("rescue", "--older-than TIME is missing: "),
        ("work --worker", "--worker NAME needs a value: "),
        ("work --worker --offline", "--worker NAME needs a value: "),
        (
            "work --bridge-port 1e3",
            "bridge-port must be a whole number from 0 to 65535; it is '1e3'",
        ),
        (
            "work --in-flight 0",
            "in-flight must be from 1 to 1000; it is '0' in the flag --in-flight",
        ),
        ("rescue --older-than 5x", "older-than must be a time such as 90s, 10m or 2h; it is '5x'"),
        ("work --config /no/such.toml", "settings file /no/such.toml: No such file"),
        ("completion tcsh", '"bash", "zsh", "fish", "powershell"'),
        ("work --verbose --quiet", "--verbose, --quiet"),
    ],
)
def test_a_command_line_that_cannot_be_understood_is_answered_in_one_line(
    command: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and, if it can be guessed, what would be right; exit code 2."""
    assert main(command.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("taskworker-classifyimage: ")
    assert answer in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("flag", ["--bridgetoken", "--taskbridgeauth"])
def test_secrets_have_no_flag(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message does not repeat the value."""
    assert main(["work", flag, "s3cr3t"]) == 2
    shown = capsys.readouterr()
    assert f"there is no flag {flag}" in shown.err
    assert "s3cr3t" not in shown.err + shown.out
