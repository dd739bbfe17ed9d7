"""A network in an ONNX file, which goes into the pack unchanged where that is possible."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import Images
from taskworker_classifyimage.classify.model_pack import MODEL_LIMIT_BYTES, TensorSpec, read_member
from taskworker_classifyimage.classify.onnx_runtime import import_onnxruntime, session_options
from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.network import Network, PackOptions, Scores, name_after
from taskworker_classifyimage.packing.onnx_changes import OnnxNetwork
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_labels

#: Names of operators on whole numbers of 8 bits, and of those that convert to and from them.
_OF_INTEGERS: Final = (b"QLinear", b"MatMulInteger", b"ConvInteger")
_OF_8_BITS: Final = (*_OF_INTEGERS, b"QuantizeLinear")
#: The key under which weights in another file are named.
_OF_EXTERNAL_DATA: Final = b"\x0a\x08location\x12"

#: Where a network takes pictures of any size.
_TRIED_SIDE: Final = 224
_HALF: Final = "tensor(float16)"
_TYPES: Final = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, _HALF: np.float16}

#: The source's own preprocessing of one upright RGB image, for a network of so many pixels a side.
Prepare = Callable[[Image.Image, int], npt.NDArray[np.float32]]


def recognise_onnx(files: SourceFiles) -> Source | None:
    """An ONNX file, which says nothing about itself but the shape of its input.

    Its classes may be in `labels.txt` beside it.
    """
    path = files.find("*.onnx")
    if path is None:
        return None
    return Source("ONNX file", PackOptions(classes=read_labels(files)), partial(open_onnx, path))


def open_onnx(
    path: Path,
    options: PackOptions,
    prepare: Prepare | None = None,
) -> Network:
    """Opens an ONNX file; its own answers are those of ONNX Runtime without optimisations.

    A network for one picture at a time, of float16, or with a map of scores is changed so that a
    pack can hold it; any other goes into the pack as it is.

    Args:
        path: the file.
        options: what is known of it.
        prepare: the source's own preprocessing: an upright RGB image of any size to the
            (3, S, S) or (S, S, 3) that the network takes.

    Raises:
        ConfigError: the options do not say how it wants its pictures, or a library is missing.
        ModelError: it is no ONNX file that a pack can hold.
    """
    content = read_member(path.parent, path.name, MODEL_LIMIT_BYTES)
    session = _open_session(path, content)
    if len(session.get_outputs()) != 1:
        content = _cut_map(path, content)
        session = _open_session(path, content)
    if len(session.get_inputs()) != 1:
        raise ModelError(f"{path} has not one input, but {len(session.get_inputs())}")
    taken = session.get_inputs()[0]
    layout, size = _read_layout(path, taken.shape)
    side = options.choose_size(size)
    batch = taken.shape[0] if isinstance(taken.shape[0], int) else None
    tensor = _describe_tensor(path, taken.type, layout, options)

    def run(tensors: npt.NDArray[Any]) -> Scores:
        typed = tensors.astype(_TYPES[taken.type])
        batches = [typed] if batch is None else [each[np.newaxis] for each in typed]
        return np.concatenate([session.run(None, {taken.name: each})[0] for each in batches])

    return Network(
        name=name_after(path),
        source=f"{path.name}, a local file",
        input=options.input_spec(side),
        onnx=_change(path, content, taken.type, batch),
        scores=lambda images: run(_prepare(images, layout, options)),
        scores_of_images=None if prepare is None else partial(_answer, run, prepare, side),
        tensor=tensor,
        has_8_bits=any(name in content for name in _OF_8_BITS),
    )


def _open_session(path: Path, content: bytes) -> Any:
    runtime, settings = import_onnxruntime(), session_options()
    levels = runtime.GraphOptimizationLevel
    settings.graph_optimization_level = levels.ORT_DISABLE_ALL
    if any(name in content for name in _OF_INTEGERS):
        # Sums of 8-bit products overflow on x86 CPUs without VNNI, unless an optimisation of this
        # level makes signed weights unsigned.
        settings.graph_optimization_level = levels.ORT_ENABLE_EXTENDED
        settings.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return runtime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    except Exception as err:
        if _OF_EXTERNAL_DATA in content:
            raise ModelError(
                f"{path} has its weights in another file, where no checksum protects them; export "
                "it as one file, such as with onnx.save(onnx.load(FILE), 'one.onnx')"
            ) from err
        raise ModelError(f"{path} cannot be loaded: {one_line(err)}") from err


def _cut_map(path: Path, content: bytes) -> bytes:
    network = OnnxNetwork(content)
    if not network.cut_map():
        raise ModelError(f"{path} has not one output with a score for each class, but several")
    return network.to_bytes()


def _change(path: Path, content: bytes, kind: str, batch: int | None) -> bytes:
    """The network for any number of pictures, of float32."""
    if batch is None and kind != _HALF:
        return content
    if batch not in (None, 1):
        raise ModelError(
            f"{path} takes {batch} pictures at a time; export it with a free first dimension"
        )
    network = OnnxNetwork(content)
    if batch is not None:
        network.free_batch()
    if kind == _HALF:
        network.cast_input()
    changed = network.to_bytes()
    _try_two(path, changed)
    return changed


def _try_two(path: Path, content: bytes) -> None:
    """Runs a changed network on two black pictures."""
    try:
        session = _open_session(path, content)
        taken = session.get_inputs()[0]
        sides = [side if isinstance(side, int) else _TRIED_SIDE for side in taken.shape[1:]]
        session.run(None, {taken.name: np.zeros((2, *sides), _TYPES[taken.type])})
    except Exception as err:
        raise ModelError(
            f"{path} takes one picture at a time, and that is built into it: export it with a free "
            f"first dimension ({one_line(err)[:100]})"
        ) from err


def _read_layout(path: Path, shape: list[Any]) -> tuple[Literal["NHWC", "NCHW"], int | None]:
    """Where the channels are, and how many pixels each side has if that is fixed."""
    if len(shape) != 4:
        raise ModelError(f"{path} takes {shape}, not pictures of three channels")
    # Exports of transformers leave the number of channels open, which are the first there.
    is_open = all(not isinstance(side, int) for side in shape[1:]) and "channel" in str(shape[1])
    if 3 not in (shape[1], shape[3]) and not is_open:
        raise ModelError(f"{path} takes {shape}, not pictures of three channels")
    layout: Literal["NHWC", "NCHW"] = "NCHW" if shape[1] == 3 or is_open else "NHWC"
    height, width = shape[2:] if layout == "NCHW" else shape[1:3]
    if isinstance(height, int) and height != width:
        raise ModelError(f"{path} takes pictures that are not square: {shape}")
    return layout, height if isinstance(height, int) else None


def _describe_tensor(
    path: Path, kind: str, layout: Literal["NHWC", "NCHW"], options: PackOptions
) -> TensorSpec:
    colours = options.colours or "RGB"
    if kind == "tensor(uint8)":
        options.refuse("the network takes the bytes of a picture as they are", "scaling")
        return TensorSpec("uint8", layout, colours)
    if kind not in _TYPES:
        raise ModelError(f"{path} takes {kind}, not uint8 or float")
    scaling = options.require_scaling()
    subtract, divide = scaling.subtract, scaling.divide
    if colours == "BGR":
        # A pack states them in the order of the network's channels.
        subtract, divide = subtract[::-1], divide[::-1]
    return TensorSpec("float32", layout, colours, subtract, divide)


def _answer(
    run: Callable[[npt.NDArray[Any]], Scores],
    prepare: Prepare,
    side: int,
    images: Sequence[Image.Image],
) -> Scores:
    return run(np.stack([prepare(image, side) for image in images]))


def _prepare(
    images: Images, layout: Literal["NHWC", "NCHW"], options: PackOptions
) -> npt.NDArray[Any]:
    """What the network takes of (N, S, S, 3) uint8 RGB, by the options alone.

    Not by the pack's description, or a mistake there would be on both sides of the comparison.
    """
    prepared: npt.NDArray[Any] = images
    if options.scaling is not None:
        subtract = np.array(options.scaling.subtract, np.float32)
        divide = np.array(options.scaling.divide, np.float32)
        prepared = (images.astype(np.float32) - subtract) / divide
    if options.colours == "BGR":
        prepared = prepared[..., ::-1]
    return np.ascontiguousarray(prepared if layout == "NHWC" else prepared.transpose(0, 3, 1, 2))
