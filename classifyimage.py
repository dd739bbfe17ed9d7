"""The original worker's command line: `python classifyimage.py --taskbridgeurl URL --worker NAME`.

Runs from a checkout; uses the packages that `classifyimage.sh` or `classifyimage.bat` installed.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: What `work` imports; looked for, as importing takes a second.
PACKAGES = ("aiohttp", "cyclopts", "filelock", "numpy", "onnxruntime", "PIL", "platformdirs")
OWN_PYTHON = HERE / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> int:
    """Runs `taskworker-classifyimage work` with the same flags."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        if OWN_PYTHON.exists() and Path(sys.prefix) != HERE / ".venv":
            return run_in_own_python()
        script = "classifyimage.bat" if os.name == "nt" else "./classifyimage.sh"
        print(
            f"classifyimage.py: {missing[0]} is not installed; run {script} once", file=sys.stderr
        )
        return 1
    sys.path.insert(0, str(HERE / "src"))
    from taskworker_classifyimage.cli import main as run_command

    return run_command(["work", *sys.argv[1:]])


def run_in_own_python() -> int:
    """Starts this script again with the Python that has the packages."""
    command = [str(OWN_PYTHON), str(HERE / "classifyimage.py"), *sys.argv[1:]]
    if os.name != "nt":
        os.execv(command[0], command)
    # Replacing a process on Windows starts a new one, and a service would lose sight of it.
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
