"""A TaskBridge worker that classifies pictures into the 1000 classes of ILSVRC2012.

The flow of one task is ``take -> fetch -> decode -> infer -> report``; `pipeline` has one file a
step. `classify` knows what a model is, `taskbridge` how to call a bridge, `bridge` is the embedded
one, `worker` joins them, and `commands` holds one file for each command of the command line.
"""

__version__ = "1.0.0"

#: Named in every result, so that a reader of old evidence finds the code that made it.
REPOSITORY = "https://github.com/hilderonny/taskworker-classifyimage"
