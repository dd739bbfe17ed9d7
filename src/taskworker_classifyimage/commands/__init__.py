"""One file for each command, whose arguments are the parameters of `run`.

Only `commands` and `cli` print, and only `commands` creates the program's parts and joins them.
"""
