"""Compares the product's decoder with independent ones, file by file.

    python tools/compare_decoders.py FOLDER [--output PAGE] [--jobs N] [--timeout SECONDS]

Every file goes through the product's decoder and through all of these that are installed:
ImageMagick, libvips, ffmpeg, libheif, djxl and OpenJPEG. What they show is compared after it is
turned upright, converted to sRGB and shrunk. A refusal is wrong if two others agree on a picture,
a picture is wrong if it is far from what two others agree on. The page shows them side by side;
the table on standard output counts them by the first folder.

On Debian: apt-get install imagemagick libvips-tools ffmpeg libheif-examples libjxl-tools
libopenjp2-tools. Decoders run without a sandbox here: give it no files of strangers.
"""

import argparse
import sys
import warnings
from functools import partial
from multiprocessing import Pool
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "src")]

from decoders.judging import VERDICTS, WRONG_PIXELS, WRONG_REFUSAL, examine  # noqa: E402
from decoders.page import count_suites, write_page  # noqa: E402
from decoders.programs import installed  # noqa: E402

#: Files after which a process gives way to a new one, so that leaks do not add up.
_FILES_A_PROCESS = 100


def main() -> int:
    """Returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("compared.html"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for one program")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    programs = installed()
    if len(programs) < 2:
        parser.error("at least two other decoders are needed; see the head of this file")
    files = sorted(each for each in arguments.folder.rglob("*") if each.is_file())
    work = partial(examine, arguments.folder, timeout_s=arguments.timeout)
    with Pool(arguments.jobs, maxtasksperchild=_FILES_A_PROCESS) as pool:
        findings = pool.map(work, files, chunksize=4)
    write_page(arguments.output, findings, [each.name for each in programs])
    print("\t".join(("suite", "files", *VERDICTS)))
    for suite, numbers in count_suites(findings):
        print("\t".join((suite, *map(str, numbers))))
    wrong = [each for each in findings if each.verdict in (WRONG_REFUSAL, WRONG_PIXELS)]
    for each in wrong:
        print(f"{each.verdict}\t{each.file}\t{each.said}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
