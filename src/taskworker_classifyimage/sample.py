"""The picture that comes with the program: a cup of espresso."""

from pathlib import Path
from typing import Final

SAMPLE: Final = Path(__file__).parent / "data" / "sample" / "espresso.jpg"
#: The class of the sample in ILSVRC2012.
SAMPLE_SYNSET: Final = "n07920052"
