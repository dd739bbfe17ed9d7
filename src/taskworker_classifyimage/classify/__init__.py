"""Models: their files, their classes with names in several languages, and the runtimes.

A name goes through `catalogue` to a `ModelPack` or a `KerasModel`, and through `loader` to a
`Classifier`. Nothing here knows about bridges, tasks or asyncio, and importing the package imports
no library.
"""
