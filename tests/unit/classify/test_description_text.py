import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.description_text import description_text
from taskworker_classifyimage.classify.model import OwnClasses
from taskworker_classifyimage.classify.model_pack import ModelPack, TensorSpec
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


PACKS = st.builds(
    ModelPack,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    version=TEXTS,
    licence=TEXTS,
    source=TEXTS,
    published_top1=st.none() | st.floats(0, 1),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    input=INPUTS,
    classes=st.none() | own_classes(),
    saturation_safe=st.booleans(),
    tensor=TENSORS,
    output=st.sampled_from(["logits", "probabilities"]),
    path=st.just(Path()),
)


@given(pack=PACKS)
def test_what_is_written_is_read_as_the_same_pack(pack: ModelPack) -> None:
    """Any pack there can be, with quotes, backslashes and every script in its texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "model.toml").write_text(description_text(pack), encoding="utf-8")
        found = read_pack(path)
    assert found.path == path
    for field in ModelPack.__dataclass_fields__:
        assert field == "path" or getattr(found, field) == getattr(pack, field), field
