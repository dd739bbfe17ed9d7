"""Classifies pictures from asyncio programs."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack

import numpy as np
from PIL import Image

from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import DEFAULT_MODEL, ModelOptions, Preprocessing
from taskworker_classifyimage.errors import BadRequest, ConfigError
from taskworker_classifyimage.interface.result import Result
from taskworker_classifyimage.interface.sources import Source, to_found, to_image
from taskworker_classifyimage.local.engine import LocalEngine
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.sandbox.pool import make_pool
from taskworker_classifyimage.tasks import ClassifyRequest, parse_request

#: Longest time for decoding one picture, in seconds.
_DECODE_S: Final = 30


class Options(TypedDict, total=False):
    """How pictures are classified.

    Attributes:
        language: of the names, a BCP 47 tag such as "de"; default "en".
        top: number of predictions, 1 to 1000; default 10.
        min_probability: leaves out less probable classes and categories, 0 to 1; default 0,
            or the threshold of a model whose classes do not exclude each other.
        categories: whether results say to which categories a picture belongs.
        synonyms: whether predictions have WordNet's English synonyms.
        labels_dir: folder with class names in further languages, files such as fr.names.
        provenance: whether results say what they were made from, with checksums.
        device: "auto", the default, "cpu", "cuda", "cuda:1", "openvino" and so on.
        preprocessing: "original" prepares pictures as the original worker did.
        models_dir: where models are stored; default: `./models` if it is there, else the cache.
        offline: whether downloads of models are forbidden.
        decoder_processes: how many processes decode; default: one per core.
        decode_timeout_s: longest time for decoding one picture, in seconds; default 30.
    """

    language: str
    top: int
    min_probability: float | None
    categories: bool
    synonyms: bool
    labels_dir: str | os.PathLike[str]
    provenance: bool
    device: str
    preprocessing: Preprocessing
    models_dir: str | os.PathLike[str]
    offline: bool
    decoder_processes: int
    decode_timeout_s: int


class AsyncClassifier:
    """Classifies pictures within one event loop; the twin of `Classifier`.

    Files are decoded in processes of their own, so a picture that is broken or hostile costs its
    own result only: `Result.error` says what is wrong with it.
    """

    def __init__(
        self, model: str | os.PathLike[str] = DEFAULT_MODEL, **options: Unpack[Options]
    ) -> None:
        """Starts nothing yet.

        Args:
            model: a name that `taskworker-classifyimage models` lists, or the path of a model pack.
            options: see `Options`.

        Raises:
            ConfigError: a value is wrong.
        """
        if unknown := options.keys() - Options.__annotations__.keys():
            raise TypeError(f"there is no option {min(unknown)!r}")
        self._request = _read_request(options)
        try:
            self._device = Device.parse(options.get("device", "auto"))
        except ValueError as err:
            raise ConfigError(f"device {err}") from None
        self._model = os.fspath(model)
        folder, labels = options.get("models_dir"), options.get("labels_dir")
        self._models = ModelOptions(
            None if folder is None else Path(folder),
            options.get("offline", False),
            options.get("preprocessing", "model"),
            labels_dir=None if labels is None else Path(labels),
        )
        self._processes = options.get("decoder_processes")
        self._decode_s = options.get("decode_timeout_s", _DECODE_S)
        self._engine: LocalEngine | None = None
        self._starting: asyncio.Lock | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Loads the model and starts the decoders; the first picture does it otherwise.

        Raises:
            ConfigError: there is no such model.
            ModelError: it is damaged, or cannot be obtained.
        """
        await self._start()

    async def close(self) -> None:
        """Ends all that was started; a later call starts it again."""
        if (engine := self.detach()) is not None:
            await asyncio.to_thread(engine.close)

    def detach(self) -> LocalEngine | None:
        """Gives away what was started, for others to close; for `Classifier` alone."""
        engine, self._engine = self._engine, None
        return engine

    async def classify(self, source: Source) -> Result:
        """Classifies one picture.

        Args:
            source: see `Source`. What Pillow has not loaded yet of an image, it decodes in this
                process, without isolation.

        Raises:
            TypeError, ValueError: the source is none of these.
            UserError: no picture can be classified: the model or the installation is broken.
        """
        engine = await self._start()
        if isinstance(source, Image.Image | np.ndarray):
            return Result.from_json(await engine.classify_image(to_image(source)))
        if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
            raise TypeError(f"a picture is a path, bytes, an image or an array, not {type(source)}")
        [row] = await (await engine.read([to_found(source)]))()
        return Result.from_json(row.result, row.path or None)

    async def classify_many(
        self, sources: Iterable[Source] | AsyncIterable[Source]
    ) -> AsyncIterator[Result]:
        """Classifies pictures on all cores; gives their results in order.

        As many are taken from `sources` ahead as keep the cores busy. Arguments and errors are as
        for `classify`.
        """
        engine = await self._start()
        waiting: deque[asyncio.Task[Result]] = deque()
        try:
            async for source in _as_async(sources):
                waiting.append(asyncio.create_task(self.classify(source)))
                while len(waiting) >= 2 * engine.most or (waiting and waiting[0].done()):
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def classify_folder(
        self,
        folder: str | os.PathLike[str],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> AsyncIterator[Result]:
        """Classifies all files in a folder and the folders below it, in the order of their names.

        Hidden files, and files of the system's such as Thumbs.db, are left out.

        Args:
            folder: the folder.
            include: only files whose names match one of these patterns, such as "*.jpg".
            exclude: no files and folders whose names match one of these patterns.

        Raises:
            FileNotFoundError: there is no such folder.
            NotADirectoryError: it is none.
            UserError: as for `classify`.
        """
        return self.classify_many(find_in_folder(folder, include, exclude))

    async def _start(self) -> LocalEngine:
        if self._engine is not None:
            return self._engine
        self._starting = self._starting or asyncio.Lock()
        async with self._starting:
            if self._engine is None:
                self._engine = await asyncio.to_thread(self._load)
        return self._engine

    def _load(self) -> LocalEngine:
        pool = make_pool(self._decode_s, self._processes, None)
        pool.__enter__()
        try:
            classifier = load_classifier(self._model, self._device, self._models)
            return LocalEngine(classifier, pool, self._request)
        except BaseException:
            pool.close()
            raise


async def _as_async(
    sources: Iterable[Source] | AsyncIterable[Source],
) -> AsyncIterator[Source]:
    if isinstance(sources, AsyncIterable):
        async for source in sources:
            yield source
        return
    for source in sources:
        yield source
        # Lets those that were begun go on.
        await asyncio.sleep(0)


def find_in_folder(
    folder: str | os.PathLike[str], include: Sequence[str], exclude: Sequence[str]
) -> Iterator[str]:
    """The paths of all files in a folder; see `AsyncClassifier.classify_folder`."""
    path = os.fspath(folder)
    with os.scandir(path):
        # Now and not when the first file is asked for, so that the error comes where it is made.
        pass
    walk = Walk(Filters(include, exclude), is_sorted=True)
    return (found.path for found in walk.find(path))


def _read_request(options: Options) -> ClassifyRequest:
    data = {
        "targetlanguage": options.get("language"),
        "numberofpredictions": options.get("top"),
    }
    try:
        request = parse_request(data)
    except BadRequest as err:
        text = str(err).replace("targetlanguage", "language").replace("numberofpredictions", "top")
        raise ConfigError(text) from None
    least = options.get("min_probability")
    if least is not None and not 0 <= least <= 1:
        raise ConfigError(f"min_probability must be from 0 to 1, not {least}")
    return replace(
        request,
        provenance=options.get("provenance", False),
        min_probability=least,
        categories=options.get("categories", False),
        synonyms=options.get("synonyms", False),
    )
