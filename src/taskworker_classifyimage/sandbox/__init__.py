"""Pictures are decoded in expendable processes: whatever a file does there, the worker goes on.

    worker: bridge, model, DecoderPool
      |  pictures, one at a time, to each decoder; pixels and facts back, checked
      |
      +-- decoder   locked down: no files, no programs, no network; limits on memory and time
      +-- decoder
      `-- template  Linux only: has the decoders loaded, forks them in milliseconds, sees no picture

A decoder that crashes, hangs or breaks a rule is killed and replaced; only the picture that it was
decoding is to blame. Nothing that a decoder sends is unpickled.

Here nothing is imported: decoders would have to load what only the worker needs.
"""
