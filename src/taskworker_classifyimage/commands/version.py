"""What `--version --verbose` tells."""

from taskworker_classifyimage import __version__
from taskworker_classifyimage.decode import decoders


def version_lines() -> list[str]:
    """The version, then a line a library that decodes pictures."""
    listed = [f"{each.name} {each.version}: {', '.join(each.formats)}" for each in decoders()]
    return [__version__, *listed]
