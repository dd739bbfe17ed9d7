"""Classifies on the machines of a Ray cluster; the only code that knows Ray.

`session` starts or joins a cluster, `pool_size` fits actors into it. A run over files is cut into
partitions (`plan`), which Ray Data gives to a pool of actors (`folder_run`); what runs in an actor
(`partition`) is the local engine. `files` and `sources` are folders and object stores.
"""
