"""What people use for a folder of pictures, as its manual shows it, with random weights.

    python folder_tools.py timm|keras|ultralytics FOLDER

Prints the pictures a second without the start, as `classify` does.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

_BATCH = 32


def classify_with_timm(folder: Path) -> tuple[int, float]:
    """Timm's inference script in short: a dataset, a DataLoader with two processes."""
    import timm
    import torch
    from timm.data import ImageDataset, create_transform, resolve_data_config

    model = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    transform = create_transform(**resolve_data_config({}, model=model))
    dataset = ImageDataset(str(folder), transform=transform, class_map={"": 0})
    loader = torch.utils.data.DataLoader(dataset, batch_size=_BATCH, num_workers=2)
    begin_s, count = time.perf_counter(), 0
    with torch.inference_mode():
        for images, _ in loader:
            count += len(model(images).softmax(-1).topk(5).indices)
    return count, time.perf_counter() - begin_s


def classify_with_keras(folder: Path) -> tuple[int, float]:
    """Keras' own loader and `predict`."""
    import keras

    model = keras.applications.MobileNetV3Large(weights=None)
    begin_s = time.perf_counter()
    pictures = keras.utils.image_dataset_from_directory(
        folder, labels=None, image_size=(224, 224), batch_size=_BATCH, shuffle=False
    )
    return len(model.predict(pictures, verbose=0)), time.perf_counter() - begin_s


def classify_with_ultralytics(folder: Path) -> tuple[int, float]:
    """`yolo classify predict`, one picture after another, as is its default."""
    from ultralytics import YOLO

    model = YOLO("yolo11n-cls.yaml")
    begin_s = time.perf_counter()
    count = sum(1 for _ in model.predict(str(folder), stream=True, verbose=False))
    return count, time.perf_counter() - begin_s


TOOLS: dict[str, Callable[[Path], tuple[int, float]]] = {
    "timm": classify_with_timm,
    "keras": classify_with_keras,
    "ultralytics": classify_with_ultralytics,
}


if __name__ == "__main__":
    count, seconds = TOOLS[sys.argv[1]](Path(sys.argv[2]))
    print(f"{count} classified; {count / seconds:.1f} pictures/s", file=sys.stderr)
