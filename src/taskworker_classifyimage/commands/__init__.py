"""One file for each command: `add_arguments` says what it takes, `run` does it.

Only here and in `cli` are things printed, and only here are the real parts put together.
"""
