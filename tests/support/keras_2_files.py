"""Files as Keras 2 wrote them, with random weights, and the answers of their networks.

Keras 3 makes the weights; the configuration is in the words of Keras 2.4, as Teachable Machine
writes it, or of 2.15.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.keras_files import keras
from taskworker_classifyimage.packing.libraries import quiet_libraries

Config = dict[str, Any]


def save_teachable_machine(path: Path, classes: int, side: int = 224) -> Any:
    """Writes `keras_model.h5` of a small trunk; returns the same network in Keras 3."""
    layers = keras().layers
    with quiet_libraries():
        keras().utils.set_random_seed(5)
        pixels = layers.Input((side, side, 3))
        values = layers.Conv2D(8, 7, strides=16, padding="same", use_bias=False)(pixels)
        values = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU(6.0)(values))
        trunk = keras().Model(pixels, layers.Conv2D(8, 1)(values))
        features = keras().Sequential([trunk, layers.GlobalAveragePooling2D()])
        wide = keras().initializers.RandomNormal(stddev=4)
        last = layers.Dense(classes, activation="softmax", use_bias=False, kernel_initializer=wide)
        head = keras().Sequential(
            [layers.Input((8,)), layers.Dense(16, "relu", kernel_initializer=wide), last]
        )
        network = keras().Sequential([layers.Input((side, side, 3)), features, head])
        network(keras().ops.zeros((1, side, side, 3)))
    start = {"class_name": "VarianceScaling", "config": {"scale": 1, "dtype": "float32"}}
    one = {"strides": [1, 1], "padding": "same", "groups": 1, "bias_initializer": start}
    trunk_config = functional(
        "model1",
        [
            layer("InputLayer", "input_1", batch_input_shape=[None, side, side, 3]),
            layer(
                "Conv2D", "Conv1", ["input_1"], filters=8, kernel_size=[7, 7],
                **one | {"strides": [16, 16], "use_bias": False},
            ),
            layer("ReLU", "Conv1_relu", ["Conv1"], max_value=6),
            layer("DepthwiseConv2D", "depth", ["Conv1_relu"], kernel_size=[3, 3], **one),
            layer("Conv2D", "out", ["depth"], filters=8, kernel_size=[1, 1], **one),
        ],
    )  # fmt: skip
    dense = [
        layer("Dense", "dense_Dense1", units=16, activation="relu", batch_input_shape=[None, 8]),
        layer("Dense", "dense_Dense2", units=classes, activation="softmax", use_bias=False),
    ]
    shape = [None, side, side, 3]
    config = sequential(
        "sequential_4",
        layer("InputLayer", "sequential_1_input", batch_input_shape=shape),
        sequential(
            "sequential_1",
            layer("InputLayer", "model1_input", batch_input_shape=shape),
            trunk_config,
            layer("GlobalAveragePooling2D", "average"),
        ),
        sequential("sequential_3", *dense),
    )
    write(path, network, config, "2.4.0")
    return network


def save_transfer_learning(path: Path, side: int = 32) -> Any:
    """Writes a network around an inner one, as tutorials of late Keras 2 make them."""
    layers = keras().layers
    with quiet_libraries():
        keras().utils.set_random_seed(6)
        inside = layers.Input((side, side, 3))
        values = layers.SeparableConv2D(8, 3, strides=2)(inside)
        trunk = keras().Model(inside, layers.BatchNormalization()(values))
        pixels = layers.Input((side, side, 3))
        values = layers.RandomFlip("horizontal")(pixels)
        values = layers.Rescaling(1 / 64, offset=-1)(values)
        values = layers.GlobalAveragePooling2D()(trunk(values, training=False))
        network = keras().Model(pixels, layers.Dense(3)(values))
        kernel = network.layers[-1].kernel
        kernel.assign(kernel * 4)
    shape = [None, side, side, 3]
    separable = {f"kernel_{each}": None for each in ("initializer", "regularizer", "constraint")}
    trunk_config = functional(
        "trunk",
        [
            layer("InputLayer", "input_1", batch_input_shape=shape),
            layer(
                "SeparableConv2D", "block/conv", ["input_1"], filters=8, kernel_size=[3, 3],
                strides=[2, 2], groups=1, **separable,
            ),
            layer("BatchNormalization", "block/norm", ["block/conv"], axis=[3]),
        ],
    )  # fmt: skip
    no_training = {"training": False}
    # Keras 2 counts the call in which the inner model was built as the first.
    average = layer("GlobalAveragePooling2D", "average", ["trunk"])
    average["inbound_nodes"][0][0][1] = 1
    config = functional(
        "model",
        [
            layer("InputLayer", "input_2", batch_input_shape=shape),
            layer("RandomFlip", "flip", ["input_2"], mode="horizontal", rng_type="stateful"),
            layer("Rescaling", "scale", ["flip"], scale=1 / 64, offset=-1),
            trunk_config | {"name": "trunk", "inbound_nodes": [[["scale", 0, 0, no_training]]]},
            average,
            layer("Dense", "dense", ["average"], units=3),
        ],
    )  # fmt: skip
    write(path, network, config, "2.15.0")
    return network


def layer(kind: str, name: str, inputs: Sequence[str] = (), **settings: Any) -> Config:
    """A layer, called once if it has inputs."""
    config = {"name": name, "dtype": "float32", **settings}
    calls = [[[each, 0, 0, {}] for each in inputs]] if inputs else []
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": calls}


def functional(name: str, layers: list[Config]) -> Config:
    """A model of layers that name their inputs, from the first to the last."""
    ends = {
        "input_layers": [[layers[0]["name"], 0, 0]],
        "output_layers": [[layers[-1]["name"], 0, 0]],
    }
    return {"class_name": "Functional", "config": {"name": name, "layers": layers, **ends}}


def sequential(name: str, *layers: Config) -> Config:
    """A model of layers in a row."""
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def write(path: Path, network: Any, config: Config, version: str) -> None:
    """Writes an `.h5` of that configuration, with the weights of a network of Keras 3."""
    import h5py  # noqa: PLC0415 - comes with TensorFlow
    from keras.src.legacy.saving import legacy_h5_format  # noqa: PLC0415 - comes with TensorFlow

    with h5py.File(path, "w") as file, quiet_libraries():
        legacy_h5_format.save_weights_to_hdf5_group(file.create_group("model_weights"), network)
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
        file.attrs["backend"] = "tensorflow"
