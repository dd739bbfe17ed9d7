"""The TaskBridge protocol over HTTP, both sides.

`client` is the worker's side: it talks to whichever TaskBridge it is pointed at. The embedded
server is the other side, for labs that run none: `server` binds the port and holds the parts
together, `routes` has one handler a call, `bodies` turns what a client sends into checked values
within `limits`, `store` keeps the tasks and asks `requirements` who may take one, `uploads` keeps
their files, `workers` knows who asked for work lately, and `pages` serves the two pages that people
read.
"""
