"""CPU seconds until the command line answers, of one checkout or several side by side.

    python benchmarks/start_up.py [CHECKOUT ...]

Runs each command in turn from each checkout, with the packages of the Python that runs this, and
prints the least of all runs: what else the machine does can only add to it.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

_ROUNDS = 15
_COMMANDS = (["--version"], ["--help"], ["work", "--help"], ["models"])


def main(checkouts: list[Path]) -> None:
    """One row a command, one column a checkout."""
    print(f"| CPU s, least of {_ROUNDS} | {' | '.join(map(str, checkouts))} |")
    print(f"|---|{'---:|' * len(checkouts)}")
    for command in _COMMANDS:
        least_s = [float("inf")] * len(checkouts)
        for _ in range(_ROUNDS):
            for number, checkout in enumerate(checkouts):
                least_s[number] = min(least_s[number], _cpu_s(checkout, command))
        print(f"| `{' '.join(command)}` | {' | '.join(f'{each:.2f}' for each in least_s)} |")


def _cpu_s(checkout: Path, command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "taskworker_classifyimage", *command],
        env={**os.environ, "PYTHONPATH": str(checkout / "src")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:]] or [Path(__file__).parents[1]])
