"""`python -m taskworker_classifyimage`."""

import sys

from taskworker_classifyimage.cli import main

if __name__ == "__main__":
    sys.exit(main())
