"""SavedModels of TensorFlow: programs, of which only those that do nothing but compute are loaded.

`saved_model.pb` is read as data first. An honest file has arithmetic, variables, and functions that
save and restore these, which nothing else in it calls.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from taskworker_classifyimage.classify.model_pack import read_member
from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.keras_source import (
    PrepareImages,
    describe_network,
    import_exact_tensorflow,
)
from taskworker_classifyimage.packing.libraries import import_library, quiet_libraries
from taskworker_classifyimage.packing.network import Network, PackOptions
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_labels
from taskworker_classifyimage.standard_streams import silent_stderr

FILE: Final = "saved_model.pb"
_LIMIT_BYTES: Final = 512 * 2**20
_SIGNATURE: Final = "serving_default"
#: What writes and reads the files of variables.
_SAVING: Final = frozenset(["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"])
#: What classification networks are made of, and what Keras puts around them.
_ALLOWED: Final = """
Abs Add AddN AddV2 All Any ArgMax AssignAddVariableOp AssignSubVariableOp AssignVariableOp AvgPool
BatchMatMul BatchMatMulV2 BiasAdd Bitcast BroadcastTo Cast Ceil ClipByValue Concat ConcatV2 Const
Conv2D Cos DepthwiseConv2dNative DisableCopyOnRead Div DivNoNan Einsum Elu Equal Erf Erfc Exp
ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather
GatherV2 Greater GreaterEqual HSVToRGB Identity IdentityN If ImageProjectiveTransformV2
ImageProjectiveTransformV3 LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr
LogSoftmax MatMul Max Maximum MaxPool Mean Min Minimum MirrorPad Mul Neg NoOp NotEqual OneHot
OnesLike Pack Pad PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow Prod RandomUniform
RandomUniformInt Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear
ResizeNearestNeighbor Reverse ReverseV2 RGBToHSV RngReadAndSkip Round Rsqrt Select SelectV2 Selu
Shape Sigmoid Sign Sin Slice Softmax Softplus Split SplitV Sqrt Square SquaredDifference Squeeze
StatefulPartitionedCall StatelessIf StatelessRandomGetAlg StatelessRandomGetKeyCounter
StatelessRandomUniformFullIntV2 StatelessRandomUniformV2 StaticRegexFullMatch StopGradient
StridedSlice StringJoin Sub Sum Tanh Tile Transpose Unpack VarHandleOp VarIsInitializedOp Where
ZerosLike
"""


def recognise_saved_model(files: SourceFiles) -> Source | None:
    """A folder with `saved_model.pb`, or around one."""
    folder = find_folder(files)
    if folder is None:
        return None
    says = PackOptions(classes=read_labels(files))
    return Source("SavedModel", says, partial(open_saved_model, folder))


def find_folder(files: SourceFiles) -> Path | None:
    """The folder of a SavedModel, itself or the first inside the source."""
    if files.file is not None:
        return files.folder if files.file.name == FILE else None
    path = files.find(FILE, f"*/{FILE}")
    return None if path is None else path.parent


def open_saved_model(
    folder: Path, options: PackOptions, prepare_images: PrepareImages | None = None
) -> Network:
    """Opens a SavedModel whose operators only compute.

    Args:
        folder: has `saved_model.pb`.
        options: how the network wants its pictures.
        prepare_images: the preprocessing of whoever made it: RGB images of any size to what the
            network takes.

    Raises:
        ConfigError: the options do not say how the network wants its pictures.
        ModelError: TensorFlow is not there, or it is none that a pack can hold.
    """
    with quiet_libraries():
        tensorflow, _ = import_exact_tensorflow()
        _refuse_others(folder)
        try:
            with silent_stderr():
                loaded = tensorflow.saved_model.load(str(folder))
                function = loaded.signatures[_SIGNATURE]
        except Exception as err:
            raise ModelError(f"{folder} cannot be loaded: {one_line(err)}") from err
        model, side = _to_model(tensorflow, folder, function)
        source = f"{folder.name}, a local SavedModel; TensorFlow {tensorflow.__version__}"
        sized = replace(options, size=options.choose_size(side))
        return describe_network(tensorflow, model, folder, source, sized, prepare_images)


def _refuse_others(folder: Path) -> None:
    """Refuses operators that do more than compute, and files that are read when it is loaded.

    Raises:
        ModelError: there is one; the message names it.
    """
    content = read_member(folder, FILE, _LIMIT_BYTES)
    messages = import_library("tensorflow.core.protobuf.saved_model_pb2", "tensorflow")
    try:
        whole = messages.SavedModel.FromString(content)
    except Exception as err:
        raise ModelError(f"{folder}: {FILE} cannot be read: {one_line(err)}") from err
    if len(whole.meta_graphs) != 1 or not whole.meta_graphs[0].object_graph_def.nodes:
        raise ModelError(f"{folder} is a SavedModel of TensorFlow 1: export .h5, .tflite or ONNX")
    graph = whole.meta_graphs[0]
    if any(node.HasField("asset") for node in graph.object_graph_def.nodes):
        raise ModelError(f"{folder} reads files of its own when it is loaded; export it as ONNX")
    functions = graph.graph_def.library.function
    allowed = _SAVING.union(_ALLOWED.split())
    saving = {
        each.signature.name
        for each in functions
        if any(node.op in _SAVING for node in each.node_def)
    }
    for node in (*graph.graph_def.node, *(node for each in functions for node in each.node_def)):
        if node.op not in allowed:
            raise ModelError(
                f"{folder} has the operator {node.op}, which may do more than compute: it is not "
                "loaded; export the network as ONNX where it was made"
            )
    called = {name for each in functions for node in each.node_def for name in _called_by(node)}
    called.update(graph.object_graph_def.concrete_functions)
    if saving & called or any(node.op in _SAVING for node in graph.graph_def.node):
        raise ModelError(f"{folder} reads or writes files when it runs: it is not loaded")


def _called_by(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        yield value.func.name
        yield from (each.name for each in value.list.func)


def _to_model(
    tensorflow: Any, folder: Path, function: Any
) -> tuple[Callable[..., Any], int | None]:
    """The signature as a model of Keras is called, and its input's side, None for any."""
    inputs = list(function.structured_input_signature[1].items())
    outputs = list(function.structured_outputs)
    if (len(inputs), len(outputs)) != (1, 1):
        raise ModelError(
            f"{folder} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each"
        )
    (name, spec), (answer,) = inputs[0], outputs
    shape = [None] * 4 if spec.shape.rank is None else spec.shape.as_list()
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2] or spec.dtype.name != "float32":
        raise ModelError(
            f"{folder} takes {spec.dtype.name} {tuple(shape)}, not float32 and square pictures "
            "with three channels at last"
        )

    def model(values: Any, *, training: bool) -> Any:
        del training  # A signature is what is served.
        return function(**{name: tensorflow.convert_to_tensor(values)})[answer]

    return model, shape[1]
