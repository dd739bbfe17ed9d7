"""Pictures are decoded in expendable processes: whatever a file does there, the worker goes on.

    worker: bridge, model, DecoderPool
      |  pictures, one at a time, to each decoder; pixels and facts back, checked
      |
      +-- decoder   locked down: no files, no programs, no network; limits on memory and time
      +-- decoder
      `-- template  Linux only: has the decoders loaded, forks them in milliseconds, sees no picture

A decoder that crashes, hangs or breaks a rule is killed and replaced; only the picture that it was
decoding is to blame. Nothing that a decoder sends is unpickled.
"""

from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, native_launcher

__all__ = ["DecoderPool", "ProcessLimits", "native_launcher"]
