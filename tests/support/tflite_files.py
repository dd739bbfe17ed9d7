"""TFLite files with random weights whose answers depend on the picture."""

import io
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from support.keras_files import keras, squares
from taskworker_classifyimage.classify.keras.tensorflow_import import (
    import_tensorflow,
)
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.standard_streams import silent_stderr


def small_network(side: int, classes: int, name: str = "image", activation: str = "softmax") -> Any:
    """Ends in a layer whose input TFLite does not make flat, of which tf2onnx loses the bias."""
    layers = keras().layers
    with quiet_libraries():
        keras().utils.set_random_seed(3)
        wide, narrow = (keras().initializers.RandomNormal(stddev=each) for each in (25, 1))
        last = layers.Dense(classes, activation, kernel_initializer=wide, bias_initializer=narrow)
        return keras().Sequential(
            [
                layers.Input((side, side, 3), batch_size=1, name=name),
                layers.Conv2D(8, 5, strides=4, padding="same", activation="relu6"),
                layers.DepthwiseConv2D(3, padding="same"),
                layers.AveragePooling2D(side // 4),
                layers.Flatten(),
                last,
            ]
        )


def to_tflite(network: Any, dtype: str | None = None) -> bytes:
    """Converts a network that takes -1 to 1.

    Args:
        dtype: None: floats; "uint8" or "int8": whole numbers of 8 bits from input to output.
    """
    tensorflow, _ = import_tensorflow()
    with quiet_libraries(), silent_stderr():
        converter = tensorflow.lite.TFLiteConverter.from_keras_model(network)
        if dtype is not None:
            lite = tensorflow.lite
            converter.optimizations = [lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: examples(network.input_shape[1])
            converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
            kind = getattr(tensorflow, dtype)
            converter.inference_input_type = converter.inference_output_type = kind
        content: bytes = converter.convert()
    return content


def examples(side: int) -> Iterator[list[npt.NDArray[np.float32]]]:
    """What the steps of 8 bits are measured on."""
    for picture in squares(12, side):
        yield [picture[np.newaxis].astype(np.float32) / np.float32(127.5) - 1]


def with_metadata(content: bytes, labels: str, mean: float, deviation: float) -> bytes:
    """Adds metadata as TFLite's own tools write them, and the labels in a zip at the end."""

    def add(model: Any) -> None:
        buffer, entry = _schema().BufferT(), _schema().MetadataT()
        buffer.data = np.frombuffer(_metadata(mean, deviation), np.uint8)
        entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]

    whole = io.BytesIO(edited(content, add))
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr("labels.txt", labels)
    return whole.getvalue()


def edited(content: bytes, change: Callable[[Any], None]) -> bytes:
    """Changes the `ModelT` of a file."""
    model = _schema().ModelT.InitFromPackedBuf(content, 0)
    change(model)
    builder = import_module("flatbuffers").Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _schema() -> Any:
    return import_module("tensorflow.lite.python.schema_py_generated")


def _metadata(mean: float, deviation: float) -> bytes:
    """ModelMetadata with a normalisation, a file of labels and a licence."""
    builder = import_module("flatbuffers").Builder(256)

    def table(**fields: tuple[str, Any]) -> int:
        builder.StartObject(8)
        for name, (kind, value) in fields.items():
            getattr(builder, f"Prepend{kind}Slot")(int(name[1:]), value, 0)
        return int(builder.EndObject())

    def offset(value: int) -> tuple[str, int]:
        return "UOffsetTRelative", value

    def vector(*places: int) -> tuple[str, int]:
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return offset(builder.EndVector())

    def floats(value: float) -> tuple[str, int]:
        return offset(builder.CreateNumpyVector(np.array([value], np.float32)))

    options = table(f0=floats(mean), f1=floats(deviation))
    unit = table(f0=("Uint8", 1), f1=offset(options))
    labels = table(f0=offset(builder.CreateString("labels.txt")), f2=("Int8", 2))
    taken, given = table(f4=vector(unit)), table(f6=vector(labels))
    graph = table(f2=vector(taken), f3=vector(given))
    licence = builder.CreateString("Apache License. Version 2.0\nhttp://example.org/")
    root = table(f3=vector(graph), f5=offset(licence))
    builder.Finish(root, b"M001")
    return bytes(builder.Output())
