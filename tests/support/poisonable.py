"""The whole program with decoders that do what a picture says, see `poison`."""

import sys
from functools import partial

from support import poison
from taskworker_classifyimage.cli import main
from taskworker_classifyimage.commands import parts
from taskworker_classifyimage.sandbox.pool import choose_launcher

if __name__ == "__main__":
    setattr(parts, "choose_launcher", partial(choose_launcher, decode=poison.DECODE))  # noqa: B010 - a name that it imports
    sys.exit(main())
