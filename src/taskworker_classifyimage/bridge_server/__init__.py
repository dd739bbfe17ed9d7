"""The embedded TaskBridge, for labs that run none: the protocol over HTTP, tasks kept on disk.

`server` binds the port and holds the parts together. A call passes `guard`, which enforces
`access`, and `answers`, which all answers have in common; `routes` has one handler a call, and
`bodies` turns what a client sends into checked values within `limits`. `store` keeps the tasks
(`records`) in a `database` and asks `requirements` who may take one, `leases` knows until when,
`uploads` keeps their files, `workers` knows who asked for work lately. `housekeeping` is what
happens unasked, and `pages` serves what people read.
"""
