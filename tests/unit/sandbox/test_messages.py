import io
import json
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import DamagedPicture, TaskError, TooLarge
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.channel import Channel, ChannelBroken
from taskworker_classifyimage.sandbox.messages import (
    Job,
    Kind,
    parse_untrusted,
    read_decoded,
    read_job,
    read_ready,
    send_answer,
    send_decoded,
    send_job,
)

SPEC = InputSpec(size=4, crop=0.875)
JOB = Job(b"a picture", SPEC, DecodeLimits(pixels=640 * 480))
FACTS = PictureFacts("JPEG", 640, 480, 6, "Pillow 12", ("truncated: 63 % decoded",))
DECODED = Decoded(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), FACTS)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def channel(content: bytes = b"") -> Channel:
    return Channel(io.BytesIO(content), io.BytesIO())


def written(sender: Channel) -> bytes:
    assert isinstance(sender.writer, io.BytesIO)
    return sender.writer.getvalue()


def answer(kind: int, content: object, more: bytes = b"") -> Channel:
    encoded = json.dumps(content).encode()
    return channel(struct.pack("!BI", kind, len(encoded)) + encoded + more)


def test_a_job_arrives_as_it_was_sent() -> None:
    """The bytes, what the model expects, and the limits."""
    sender, job = channel(), Job(b"\xff\xd8 a picture", SPEC, DecodeLimits(pixels=5))
    send_job(sender, job)
    assert read_job(channel(written(sender))) == job


def test_an_answer_arrives_as_it_was_sent() -> None:
    """All facts and pixels; the class and the message of an error."""
    sender = channel()
    send_decoded(sender, DECODED)
    decoded = read_decoded(channel(written(sender)), JOB)
    assert decoded.facts == FACTS
    assert (decoded.pixels == DECODED.pixels).all()
    refusal = channel()
    send_answer(refusal, Kind.REFUSED, ("too_large", "65535 x 65535 pixels"))
    with pytest.raises(TooLarge, match="65535 x 65535 pixels"):
        read_decoded(channel(written(refusal)), JOB)


def test_a_thumbnail_arrives_after_the_pixels() -> None:
    small = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    wish, sender = replace(JOB, thumbnail=True), channel()
    send_job(sender, wish)
    assert read_job(channel(written(sender))).thumbnail
    sender = channel()
    send_decoded(sender, replace(DECODED, thumbnail=small))
    decoded = read_decoded(channel(written(sender)), wish)
    assert decoded.thumbnail is not None
    assert (decoded.thumbnail == small).all()


@pytest.mark.parametrize("sides", [(0, 5), (5, 0), (97, 5), (5, 97), (65_535, 65_535)])
def test_a_thumbnail_of_other_sides_is_refused(sides: tuple[int, int]) -> None:
    """Before any memory is taken for it."""
    content = DECODED.pixels.tobytes() + struct.pack("!HH", *sides)
    with pytest.raises(ChannelBroken, match="a thumbnail of"):
        read_decoded(answer(Kind.DECODED, asdict(FACTS), content), replace(JOB, thumbnail=True))


def test_pixels_in_any_order_of_memory_arrive() -> None:
    """A rotated picture is a view with other strides."""
    sender, turned = channel(), DECODED.pixels[::-1].transpose(1, 0, 2)
    send_decoded(sender, Decoded(turned, FACTS))
    assert (read_decoded(channel(written(sender)), JOB).pixels == turned).all()


@given(st.binary(max_size=300))
def test_noise_is_an_error_and_nothing_worse(noise: bytes) -> None:
    """Whatever a decoder sends is an expected error or a picture of the right shape."""
    with suppress(ChannelBroken, TaskError, RuntimeError):
        assert read_decoded(channel(noise), JOB).pixels.shape == (4, 4, 3)
    with suppress(ChannelBroken, RuntimeError):
        read_ready(channel(noise))


@given(st.sampled_from(Kind), anything)
def test_json_of_the_wrong_kind_is_an_error(kind: Kind, content: object) -> None:
    """A well-framed answer is refused if its content has unexpected types."""
    with pytest.raises((ChannelBroken, TaskError, RuntimeError)):
        read_decoded(answer(kind, content, bytes(47)), JOB)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": "640"},
        {"width": True},
        {"width": 1.5},
        {"width": 10**30},
        {"format": None},
        {"warnings": "text"},
        {"warnings": [1]},
        {"warnings": ["w"] * 51},
        {"one": "more"},
        {"width": 0},
        {"height": -480},
        {"width": -640, "height": -480},
        {"width": 641},
        {"width": 2**62, "height": 2**62},
        {"orientation": 0},
        {"orientation": 9},
        {"format": "SVG"},
        {"warnings": ["w"] * 11},
    ],
)
def test_facts_have_the_types_and_values_they_must_have(changes: dict[str, object]) -> None:
    """A text instead of a width, or a negative one, would reach clients that expect a size."""
    facts = {**asdict(FACTS), **changes}
    with pytest.raises(ChannelBroken):
        read_decoded(answer(Kind.DECODED, facts, bytes(48)), JOB)
    del facts["width"]
    with pytest.raises(ChannelBroken):
        read_decoded(answer(Kind.DECODED, facts, bytes(48)), JOB)


facts_of_any_values = st.builds(
    PictureFacts,
    format=st.sampled_from(("JPEG", "PNG", "SVG")) | st.text(),
    width=st.integers(-(2**64), 2**64) | st.integers(-2, 700),
    height=st.integers(-(2**64), 2**64) | st.integers(-2, 700),
    orientation=st.integers(-1, 10),
    decoder=st.text(max_size=400),
    warnings=st.lists(st.text(max_size=400), max_size=60).map(tuple),
)


@given(facts_of_any_values)
def test_facts_that_are_accepted_are_those_of_a_possible_picture(facts: PictureFacts) -> None:
    """Sides from 1 up and within the limit, an orientation by EXIF, few and short texts."""
    with suppress(ChannelBroken):
        found = read_decoded(answer(Kind.DECODED, asdict(facts), bytes(48)), JOB).facts
        assert (found.format, found.width, found.height) == (
            *(facts.format, facts.width, facts.height),
        )
        assert found.format in ("JPEG", "PNG")
        assert min(found.width, found.height) >= 1
        assert found.width * found.height <= JOB.limits.pixels
        assert 1 <= found.orientation <= 8
        assert len(found.warnings) <= 10
        assert all(len(text) <= 300 for text in (found.decoder, *found.warnings))


def test_texts_cannot_fill_a_log_or_steer_a_terminal() -> None:
    """Messages reach logs and clients, so they are one short line of printable characters."""
    with pytest.raises(DamagedPicture) as error:
        read_decoded(answer(Kind.REFUSED, ["damaged", "a\x1b[2J\nb\u202e" + "c" * 1000]), JOB)
    assert str(error.value) == "a [2J b " + "c" * 292


@pytest.mark.parametrize(
    "content",
    [
        *(["internal", "x"], ["file_missing", "x"], ["killed", "x"], ["no_such_code", "x"]),
        *(["damaged"], ["damaged", "x", "y"], [], 5),
    ],
)
def test_an_error_of_unknown_kind_is_refused(content: object) -> None:
    """A decoder can only report errors of the picture."""
    with pytest.raises(ChannelBroken):
        read_decoded(answer(Kind.REFUSED, content), JOB)


@dataclass(frozen=True)
class Facts:
    share: float
    whole: bool
    name: str
    sizes: tuple[int, ...]


UNTRUSTED = {"share": 0.5, "whole": True, "name": "a", "sizes": [1, 2]}


def test_every_kind_that_facts_may_have_is_parsed() -> None:
    """Numbers, booleans, texts, and lists of them."""
    assert parse_untrusted(json.dumps(UNTRUSTED).encode(), Facts) == Facts(0.5, True, "a", (1, 2))


@pytest.mark.parametrize(
    "changes",
    [
        {"share": 1},
        {"share": float("nan")},
        {"share": 1e300},
        {"whole": 1},
        {"name": None},
        {"sizes": [True]},
        {"sizes": [2**63]},
        {"sizes": {}},
        {"more": 1},
    ],
)
def test_other_kinds_are_refused(changes: dict[str, object]) -> None:
    """Nothing is converted: 1 is neither a float nor a boolean."""
    with pytest.raises(ChannelBroken, match="expected"):
        parse_untrusted(json.dumps({**UNTRUSTED, **changes}).encode(), Facts)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "Expecting value"),
        (b"[", "Expecting value"),
        (b"\xff", "utf-8"),
        (b"[" * 50_000, "nested too deeply"),
        (b"9" * 5000, "4300 digits"),
    ],
)
def test_broken_json_is_refused(encoded: bytes, reason: str) -> None:
    """Cut, not UTF-8, too deep, or a number too long to convert."""
    with pytest.raises(ChannelBroken, match=reason):
        parse_untrusted(encoded, tuple[str, ...])
