"""A folder as on real disks: nested, with odd names, broken files, links in circles and a FIFO."""

import io
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

#: Names that programs stumble over; bytes, as systems have them.
_NAMES = (
    b"a b.png",
    b"quote'\".png",
    b"new\nline.png",
    "emoji \N{GRINNING FACE}.png".encode(),
    b"not\xffutf8.png",
    b"-dash.png",
    b"<img src=x onerror=alert(1)>.png",
    b"=1+1.png",
    b"comma,semicolon;.png",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe".encode(),
    b"%41$HOME`id`.png",
    b"back\\slash.png",
    b"x" * 200 + b".png",
)


@dataclass(slots=True)
class OddFolder:
    """What is in it.

    Attributes:
        good, broken, texts: paths of pictures, of damaged ones, and of what is none.
    """

    path: Path
    good: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Every file that is looked at."""
        return [*self.good, *self.broken, *self.texts]


def make_odd_folder(path: Path, count: int) -> OddFolder:
    """Makes a folder with so many different pictures, and a broken one for every fifty."""
    made = OddFolder(path)
    for number in range(count):
        deep = path.joinpath(*(f"level {level}" for level in range(number % 5)))
        deep.mkdir(parents=True, exist_ok=True)
        name = _NAMES[number % len(_NAMES)] if number < 5 * len(_NAMES) else b"%d.png" % number
        target = deep / os.fsdecode(b"%d" % number + name)
        picture = make_picture(number)
        is_broken = number % 50 == 7
        target.write_bytes(picture[: len(picture) // 10] if is_broken else picture)
        (made.broken if is_broken else made.good).append(str(target))
    for text in ("notes.txt", "empty.jpg"):
        (path / text).write_text("no picture" if text == "notes.txt" else "")
        made.texts.append(str(path / text))
    if sys.platform != "win32":
        (path / "loop").symlink_to(path, target_is_directory=True)
        (path / "self").symlink_to(path / "self")
        os.mkfifo(path / "fifo")
    (path / ".DS_Store").write_bytes(b"x")
    return made


def make_picture(number: int) -> bytes:
    """A PNG that differs from all others."""
    image = Image.effect_noise((40, 30), 50).convert("RGB")
    image.putpixel((0, 0), (number % 256, number // 256 % 256, number // 65_536 % 256))
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
