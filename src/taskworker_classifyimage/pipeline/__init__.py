"""The flow of a task, one file for each step.

    take -> fetch -> decode -> infer -> report
    Task    bytes    pixels    classes  result JSON

`engine` joins decode and infer for one model, `handle` carries a task from fetch to report. Files,
functions and log lines use the same words for the steps.
"""
