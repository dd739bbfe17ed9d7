"""A TaskBridge worker that classifies pictures into the 1000 classes of ILSVRC2012.

The flow of one task is ``take -> fetch -> decode -> infer -> report``; `pipeline` has one file for
each step. `decode` turns bytes into pixels, in processes of `sandbox`; `classify` runs models;
`bridge_client` calls a TaskBridge, and `bridge_server` is an embedded one; `worker` schedules
tasks, `local` classifies files without a bridge; `commands` has one file for each command.
"""

__version__ = "1.0.0"

#: The command's name.
PROGRAM = "taskworker-classifyimage"

#: Part of every result, so that readers of old evidence find the code that made it.
REPOSITORY = "https://github.com/hilderonny/taskworker-classifyimage"
