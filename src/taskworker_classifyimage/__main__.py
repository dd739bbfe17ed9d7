"""`python -m taskworker_classifyimage`."""

from taskworker_classifyimage.cli import run_program

if __name__ == "__main__":
    run_program()
