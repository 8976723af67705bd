"""Sets in the form of tensorflow-datasets, written and read without TensorFlow.

A builder here is a subclass of the one that tensorflow-datasets has registered: the same features,
version, addresses and checksums of the downloads. Only the official files are read by our own
readers, the images are encoded by Pillow, and the examples keep the order of the official files.
The files are array_record, which ``tensorflow_datasets.data_source`` reads too. This module alone
imports tensorflow-datasets (extra ``data``), and only inside functions.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks
from approxnet.data import folders, manifest, readers
from approxnet.data.catalog import SPLITS, Entry, Examples
from approxnet.errors import ConfigError, DataError, OfflineError

FORMAT = "array_record"
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def tensorflow_datasets() -> Any:
    """The package tensorflow-datasets.

    Raises:
      ConfigError: if it is not installed.

    Example:
      >>> tensorflow_datasets().__name__
      'tensorflow_datasets'
    """
    try:
        import array_record  # noqa: F401
        import PIL.Image  # noqa: F401
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ConfigError(
            f"this set needs tensorflow-datasets, array_record and pillow, got {error}; "
            "pip install 'approxnet[data]'"
        ) from None
    return tfds


# --- writing ----------------------------------------------------------------------------------


def address(name: str, entry: Entry) -> str:
    """Where tensorflow-datasets has registered the first official file of a set.

    Example:
      >>> from approxnet.data.catalog import CATALOG
      >>> address("cifar10", CATALOG["cifar10"])
      'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'
    """
    registered = tensorflow_datasets().builder_cls(name)
    return next(iter(entry.urls(registered.__new__(registered)).values()))


def prepare(name: str, entry: Entry, folder: Path, paths: Mapping[str, Path] | None = None) -> Path:
    """Write a set into DATA_DIR/NAME/VERSION, whole or not at all.

    Args:
      name: the name of the set.
      entry: its entry of the catalog.
      folder: DATA_DIR, which can be written to.
      paths: the official files by name; None downloads them.

    Returns:
      The folder DATA_DIR/NAME/VERSION.

    Raises:
      DataError: if a file is damaged; a download is kept as FILE.bad, any other is left as it is.
      OfflineError: if a download fails.
      ConfigError: if tensorflow-datasets is not installed.

    Example:
      >>> import tempfile
      >>> from approxnet.data.catalog import CATALOG
      >>> folder = Path(tempfile.mkdtemp())
      >>> file = folder / "cifar-10-binary.tar.gz"
      >>> _ = file.write_bytes(b"<html>")
      >>> prepare("cifar10", CATALOG["cifar10"], folder, {file.name: file})
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: ...: bytes 0 and 1 must be 1f 8b, ..., got a web page; ...
    """
    tfds = tensorflow_datasets()
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()

    def obtain(manager: Any, builder: Any) -> Mapping[str, Path]:
        if paths is not None:
            return paths
        kept = folder / name
        urls = entry.urls(builder).items()
        return {file: _download(manager, builder, url, file, kept) for file, url in urls}

    with folders.unfinished(folder) as work:
        builder = _builder_class(tfds, name, entry, obtain)(data_dir=work, file_format=FORMAT)
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(
                download_dir=work / "downloads",
                download_config=tfds.download.DownloadConfig(force_checksums_validation=True),
            )
        finished = Path(builder.data_path)
        manifest.write(finished)
        target = folder / name / finished.name
        target.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was quicker
            os.rename(finished, target)
    return target


def _builder_class(
    tfds: Any, name: str, entry: Entry, obtain: Callable[[Any, Any], Mapping[str, Path]]
) -> Any:
    registered = tfds.builder_cls(name)

    class WithoutTensorFlow(registered, skip_registration=True):  # pyright: ignore
        pkg_dir_path = registered.pkg_dir_path  # where the checksums are registered

        def _info(self) -> Any:
            info = super()._info()
            info.as_proto.disable_shuffling = True  # the order is that of the official files
            return info

        def _split_generators(self, manager: Any) -> dict[str, Any]:
            paths = obtain(manager, self)
            splits = {split: entry.read(paths, split) for split in SPLITS}
            for label, names in splits[SPLITS[0]].names.items():
                self.info.features[label].names = list(names)
            return {split: _generate(examples) for split, examples in splits.items()}

    WithoutTensorFlow.name = name
    WithoutTensorFlow.__module__ = registered.__module__
    return WithoutTensorFlow


def _generate(examples: Examples) -> Iterator[tuple[int, dict[str, Any]]]:
    from PIL import Image

    images, labels, _ = examples.dataset
    mode = MODES[images.shape[-1]]
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        buffer = io.BytesIO()
        height, width, _ = image.shape
        Image.frombytes(mode, (width, height), image.tobytes()).save(buffer, "png")
        extra = {key: column[i].item() for key, column in examples.extra.items()}
        yield i, {"image": buffer.getvalue(), "label": int(label)} | extra


def _download(manager: Any, builder: Any, url: str, file: str, kept: Path) -> Path:
    """Download one file and check it; what is not as registered goes to ``kept`` as FILE.bad."""
    import requests
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
    from tensorflow_datasets.core.download.util import DownloadError

    try:
        return Path(manager.download(url))
    except NonMatchingChecksumError:
        (damaged,) = Path(manager.download_dir).glob("**/*.tmp.*/*")
        kept.mkdir(exist_ok=True)
        path = folders.set_aside(damaged.rename(damaged.with_name(file)), kept)
        expected = builder.url_infos[url]
        raise DataError(
            f"{path}: must be {file} of {int(expected.size)} bytes with the sha-256 "
            f"{expected.checksum}, got {_fault(path)}; it came from {url} and is kept for a look, "
            "fetch again or take the file from elsewhere with --source"
        ) from None
    except (requests.RequestException, DownloadError) as error:
        raise OfflineError(
            f"{file} could not be had from {url} ({error}); try again, or take the official files "
            "from elsewhere with --source"
        ) from None


def _fault(path: Path) -> str:
    """What is wrong with a file that has not its checksum."""
    content = path.read_bytes()
    if not content.startswith(readers.GZIP):
        return f"{len(content)} bytes, {readers.looks_like(content)}"
    try:
        readers.gunzip("it", content)
    except DataError as error:
        return f"{len(content)} bytes: {error}"
    return f"{len(content)} bytes with the {readers.digest(content, 'sha256:')}"


# --- reading ----------------------------------------------------------------------------------


class Records(NamedTuple):
    """A split of a prepared set, read example by example.

    Example:
      >>> Records.__annotations__.keys()
      dict_keys(['place', 'source', 'image', 'label', 'channels', 'classes'])
    """

    place: str
    source: Any  # len and [i], the images still encoded
    image: str  # the name of the feature
    label: str
    channels: int
    classes: tuple[str, ...]

    def size(self) -> int:
        """How many examples there are."""
        return len(self.source)

    def example(self, i: int) -> tuple[np.ndarray, int]:
        """Image i, (h, w, c) uint8, and its label.

        Raises:
          DataError: if the record or the image is damaged; names the record.
        """
        from PIL import Image

        try:
            record = self.source[i]
            with Image.open(io.BytesIO(record[self.image])) as file:
                image = np.asarray(file.convert(MODES[self.channels]))
        except (OSError, ValueError, SyntaxError, KeyError, IndexError, RuntimeError) as error:
            raise DataError(
                f"{self.place}: record {i} must hold an image, got {type(error).__name__}: "
                f"{error}; prepare the set again"
            ) from None
        label = int(record[self.label])
        if not 0 <= label < len(self.classes):
            raise DataError(
                f"{self.place}: label of record {i} must be from 0 to {len(self.classes) - 1}, "
                f"got {label}; prepare the set again"
            )
        return image.reshape(*image.shape[:2], self.channels), label


def records(folder: Path, split: str) -> Records:
    """The records of a split of a set that tensorflow-datasets, or ``fetch``, has prepared.

    Args:
      folder: DATA_DIR/NAME/VERSION.
      split: one of the splits that the set has.

    Raises:
      ConfigError: if there is no such split, or tensorflow-datasets is not installed.
      DataError: if it is not array_record, not a set of labelled images, or damaged.

    Example:
      >>> records(Path("nowhere"), "train")
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: nowhere must be a set that tensorflow-datasets has prepared, ...
    """
    tfds = tensorflow_datasets()
    try:
        builder = tfds.builder_from_directory(folder)
    except Exception as error:  # its own, json's, protobuf's: whatever a damaged file brings about
        raise DataError(
            f"{folder} must be a set that tensorflow-datasets has prepared, got "
            f"{type(error).__name__}: {error}; prepare it again"
        ) from None
    info = builder.info
    _checks.one_of(f"split of {info.name}", split, sorted(info.splits))
    if info.file_format.value != FORMAT:
        raise DataError(
            f"{folder} must be prepared as {FORMAT}, which is read without TensorFlow, got "
            f"{info.file_format.value}; prepare it with file_format={FORMAT!r}"
        )
    image, label = _features(tfds, folder, info.features)
    source = builder.as_data_source(split=split, decoders={image: tfds.decode.SkipDecoding()})
    features = info.features
    channels, names = features[image].shape[-1], tuple(features[label].names)
    return Records(f"{folder}, {split}", source, image, label, channels, names)


def _features(tfds: Any, folder: Path, features: Any) -> tuple[str, str]:
    """The names of the image and of the label."""
    images = [key for key, kind in features.items() if isinstance(kind, tfds.features.Image)]
    labels = [key for key, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    labels = [key for key in labels if key == "label"] or labels
    if (len(images), len(labels)) != (1, 1) or features[images[0]].np_dtype != np.uint8:
        kinds = {key: type(kind).__name__ for key, kind in features.items()}
        raise DataError(f"{folder} must hold one uint8 image and one label each, got {kinds}")
    return images[0], labels[0]
