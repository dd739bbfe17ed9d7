import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.packs import colour_network, copy_pack, write_pack
from taskworker_classifyimage.classify.base import INDEPENDENT_KINDS, OutputKind, OwnClasses
from taskworker_classifyimage.classify.description import description_text, read_pack
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.model_pack import ModelPack, TensorSpec
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.input_spec import InputSpec

PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")


TEXTS = st.text(PRINTABLE, min_size=1, max_size=40)


NUMBERS = st.floats(-1e38, 1e38)


DIVISORS = NUMBERS.filter(bool)


LAYOUTS = st.sampled_from(["NHWC", "NCHW"])


COLOURS = st.sampled_from(["RGB", "BGR"])


INPUTS = st.builds(
    InputSpec,
    size=st.integers(8, 4096),
    crop=st.none() | st.floats(0.1, 1),
    resize=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
    is_stretched=st.booleans(),
)


TENSORS = st.builds(
    TensorSpec, dtype=st.just("uint8"), layout=LAYOUTS, colours=COLOURS
) | st.builds(
    TensorSpec,
    dtype=st.just("float32"),
    layout=LAYOUTS,
    colours=COLOURS,
    subtract=st.tuples(NUMBERS, NUMBERS, NUMBERS),
    divide=st.tuples(DIVISORS, DIVISORS, DIVISORS),
)


@st.composite
def own_classes(draw: st.DrawFn) -> OwnClasses:
    ids = draw(st.lists(TEXTS, min_size=1, max_size=5, unique=True))
    languages = draw(st.lists(st.from_regex(r"[a-z]{2}(-[A-Z]{2})?", fullmatch=True), unique=True))
    names = st.lists(TEXTS, min_size=len(ids), max_size=len(ids)).map(tuple)
    return OwnClasses(tuple(ids), {language: draw(names) for language in languages})


KINDS = st.one_of(
    st.tuples(st.sampled_from(["logits", "probabilities"]), st.none()),
    st.tuples(st.sampled_from(INDEPENDENT_KINDS), st.floats(0, 1)),
)


def make_pack(kind: tuple[OutputKind, float | None], **more: Any) -> ModelPack:
    return ModelPack(output=kind[0], threshold=kind[1], **more)


PACKS = st.builds(
    make_pack,
    kind=KINDS,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    version=TEXTS,
    licence=TEXTS,
    source=TEXTS,
    published_top1=st.none() | st.floats(0, 1),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    input=INPUTS,
    classes=st.none() | own_classes(),
    temperature=st.floats(0.05, 20),
    labels_dir=st.none(),
    saturation_safe=st.booleans(),
    tensor=TENSORS,
    path=st.just(Path()),
)


@given(pack=PACKS)
def test_what_is_written_is_read_as_the_same_pack(pack: ModelPack) -> None:
    """Any valid pack, with quotes, backslashes and all scripts in its texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "model.toml").write_text(description_text(pack), encoding="utf-8")
        found = read_pack(path)
    assert found.path == path
    for field in ModelPack.__dataclass_fields__:
        assert field == "path" or getattr(found, field) == getattr(pack, field), field


@pytest.mark.parametrize(
    ("line", "instead", "problem"),
    [
        ("sha256 =", 'sha256 = "abc"', "sha256 must be 64"),
        ("sha256 =", "", "sha256 is missing"),
        ("size =", "size = 3", "input.size must be"),
        ("size =", 'size = "260"', "input.size must be a number"),
        ("crop =", "crop = 2.0", "input.crop must be"),
        ("layout =", 'layout = "CHWN"', "input.layout must be one of 'NHWC', 'NCHW'"),
        ("classes =", 'classes = "own"', "output.classes must be a list"),
        ("temperature =", "threshold = 0.3", "output.threshold is for classes that do not exclude"),
        ("name =", 'name = "../x"', "name must be"),
        ("name =", "name = ", "is not valid TOML"),
    ],
)
def test_a_wrong_description_is_refused_by_key(
    tmp_path: Path, line: str, instead: str, problem: str
) -> None:
    """The message names the file, the key and what is wrong with it."""
    folder = copy_pack("EfficientNetLite0", tmp_path)
    path = folder / "model.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = [instead if old.startswith(line) else old for old in lines]
    assert changed != lines
    path.write_text("\n".join(changed), encoding="utf-8")
    with pytest.raises(ModelError, match=problem):
        read_pack(folder)


def test_a_number_of_thousands_of_digits_is_refused_in_one_line(tmp_path: Path) -> None:
    """Python refuses to parse such a number, with an error of its own."""
    folder = write_pack(tmp_path / "pack", colour_network())
    description = folder / "model.toml"
    text = description.read_text(encoding="utf-8")
    description.write_text(text.replace("size = 16", f"size = {'9' * 5000}"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.toml is not valid TOML: .*5000 digits") as caught:
        load_classifier(str(folder))
    assert "\n" not in str(caught.value)
