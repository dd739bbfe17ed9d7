"""Makes pictures as laboratories have them from a folder of photographs.

    python benchmarks/make_pictures.py PHOTOGRAPHS FOLDER [--count 80] [--kinds camera phone ...]

run.py takes the folder as --pictures. No camera has taken them; harness/made_pictures.py says what
they are. The files are in an order in which every part of them has about the shares of the whole.
"""

import argparse
import random
from pathlib import Path

from harness.made_pictures import KINDS
from PIL import Image

_SEED = 1


def main() -> None:
    """Writes the files and says what they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photographs", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=80, metavar="N", help="default: 80")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    paths = [path for path in sorted(options.photographs.iterdir()) if path.is_file()]
    chance = random.Random(_SEED)
    options.folder.mkdir(parents=True)
    sizes: dict[str, list[int]] = {}
    for number, name in enumerate(_order(options.kinds, options.count)):
        kind = KINDS[name]
        with Image.open(paths[number % len(paths)]) as photograph:
            encoded = kind.make(photograph.convert("RGB"), chance)
        (options.folder / f"{number:04}-{name}.{kind.suffix}").write_bytes(encoded)
        sizes.setdefault(name, []).append(len(encoded))
    for name, each in sizes.items():
        print(f"{name}: {len(each)} pictures, {sum(each) / len(each) / 1000:.0f} kB each")


def _order(names: list[str], count: int) -> list[str]:
    """Kinds of so many pictures, each kind spread over all of them."""
    whole = sum(KINDS[name].share for name in names)
    given = dict.fromkeys(names, 0)
    order = []
    for number in range(1, count + 1):
        lacking = {name: KINDS[name].share / whole * number - given[name] for name in names}
        next_name = max(lacking, key=lambda name: lacking[name])
        given[next_name] += 1
        order.append(next_name)
    return order


if __name__ == "__main__":
    main()
