"""One file for each command: `run` has the command's arguments and does it.

Only here and in `cli` are things printed, and only here are the real parts put together.
"""
