"""Decodes pictures in expendable processes, so that no file can harm the worker.

    worker: bridge, model, DecoderPool
      |  sends pictures, one at a time per decoder; checks the pixels and facts that come back
      |
      +-- decoder   locked down: no files, programs or network; limited memory and time
      +-- decoder
      `-- template  Linux only: has loaded the decoding libraries and forks decoders in milliseconds
                    (the libraries of rare formats when the first such picture comes)

For one decoder process, the worker holds

    DecoderPool -> WorkerSlot -> DecoderProcess -> Launcher (-> template)

The pool hands out free slots. A slot replaces a decoder that crashes, hangs or breaks the protocol,
and blames only the picture that it was decoding. `DecoderProcess` is one process with its deadline.
A launcher starts and reaps processes in the way of the platform. Nothing that a decoder sends is
unpickled.

This module imports nothing, so that decoders do not load what only the worker needs.
"""
