"""The flow of a task, one file a step.

    take -> fetch -> decode -> infer -> report
    Task    bytes    pixels    classes  result JSON

`take` finds work, `handle` carries one task through the other four; the same words are used for
files, functions and log lines.
"""
