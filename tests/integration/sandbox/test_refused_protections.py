"""`doctor` on a kernel that refuses a protection of the decoders."""

import errno

import pytest

from support.kernel import has_seccomp, landlock_abi
from support.refusing_kernel import LANDLOCK_CREATE_RULESET, run_refused

pytestmark = pytest.mark.skipif(
    not has_seccomp() or landlock_abi() < 1, reason="this kernel has not what is refused here"
)

FIND = """
from taskworker_classifyimage.commands.parts import decoder_pool
from taskworker_classifyimage.commands.protections import find_refused
from taskworker_classifyimage.settings.areas import Decoding
with decoder_pool(Decoding(decoder_processes=1)) as pool:
    for found in find_refused(pool.start()):
        print(*found, sep=": ")
"""
DOCTOR = "from taskworker_classifyimage.cli import main\nimport sys\nsys.exit(main(['doctor']))"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errno.ENOSYS, "older than 5.13"),
        (errno.EOPNOTSUPP, "add landlock to its parameter lsm="),
        (errno.EPERM, "allow landlock_create_ruleset"),
        (errno.EACCES, "the kernel refuses Landlock"),
    ],
)
def test_a_refused_landlock_is_told_with_its_reason(error: int, reason: str) -> None:
    """Each reason has another remedy."""
    ended = run_refused(LANDLOCK_CREATE_RULESET, error, FIND)
    assert ended.stdout.startswith("Landlock: "), ended.stderr
    assert ended.stdout.count("\n") == 1
    assert reason in ended.stdout


def test_a_kernel_that_refuses_nothing_has_nothing_told() -> None:
    no_such_call = 4000
    ended = run_refused(no_such_call, errno.EPERM, FIND)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


def test_doctor_does_not_say_that_all_is_in_order() -> None:
    """The worker works, with less between a hostile picture and the machine."""
    ended = run_refused(LANDLOCK_CREATE_RULESET, errno.EPERM, DOCTOR)
    assert ended.returncode == 0, ended.stderr
    assert "WEAK  without Landlock" in ended.stdout
    assert ended.stdout.endswith("\nEverything works, with 1 protection less.\n")
