"""The embedded TaskBridge, for labs that run none: the protocol over HTTP, tasks kept on disk.

`server` binds the port and connects the parts. Every call passes `middleware`, which asks `guard`
whether the caller has `access` and turns errors into JSON. `routes` has one handler per call, and
`bodies` parses and checks what clients send, within `limits`. `store` keeps the tasks (`records`)
in a `database`, `uploads` keeps their files, `workers` remembers who asked for tasks lately.
`expiry` reopens tasks whose lease has expired and removes old ones. `pages` serves the HTML pages.
"""
