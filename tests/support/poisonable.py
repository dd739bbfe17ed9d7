"""The whole program with decoders that do what a picture says, see `poison`."""

import sys
from functools import partial

from support import poison
from taskworker_classifyimage.cli import main
from taskworker_classifyimage.sandbox import pool

if __name__ == "__main__":
    setattr(pool, "choose_launcher", partial(pool.choose_launcher, decode=poison.DECODE))  # noqa: B010 - a name that it imports
    sys.exit(main())
