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
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from approxnet import _checks
from approxnet.data.catalog import SPLITS, Entry, Examples
from approxnet.errors import ConfigError, DataError

FORMAT = "array_record"
CHUNK = 1000
READING = (OSError, ValueError, SyntaxError, KeyError, IndexError, RuntimeError)
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


class Download(NamedTuple):
    """Where an official file is published, and what it must be.

    Example:
      >>> Download("https://example.org/a.gz", 5, "e3b0c442").n_bytes
      5
    """

    url: str
    n_bytes: int
    sha256: str


def downloads(name: str, entry: Entry) -> dict[str, Download]:
    """What tensorflow-datasets has registered of the official files of a set.

    Example:
      >>> from approxnet.data.catalog import CATALOG
      >>> downloads("cifar10", CATALOG["cifar10"])["cifar-10-binary.tar.gz"].n_bytes
      170052171
    """
    registered = {
        url.rpartition("/")[2]: Download(url, int(info.size), info.checksum)
        for url, info in tensorflow_datasets().builder_cls(name).url_infos.items()
    }
    return {file: registered[file] for split in SPLITS for file in entry.files(split)}


def write(name: str, entry: Entry, paths: Mapping[str, Path], folder: Path) -> Path:
    """Write a set in the form of tensorflow-datasets into FOLDER/NAME/VERSION.

    Args:
      name: the name of the set.
      entry: its entry of the catalog.
      paths: its official files by name.
      folder: where to write; what is there after an error is not to be used.

    Returns:
      The folder FOLDER/NAME/VERSION.

    Raises:
      DataError: if a file is damaged.
      ConfigError: if tensorflow-datasets is not installed.

    Example:
      >>> import tempfile
      >>> from approxnet.data.catalog import CATALOG
      >>> folder = Path(tempfile.mkdtemp())
      >>> file = folder / "cifar-10-binary.tar.gz"
      >>> _ = file.write_bytes(b"<html>")
      >>> write("cifar10", CATALOG["cifar10"], {file.name: file}, folder)
      Traceback (most recent call last):
      ...
      approxnet.errors.DataError: ...: bytes 0 and 1 must be 1f 8b, ..., got a web page; ...
    """
    tfds = tensorflow_datasets()
    splits = {split: entry.read(paths, split) for split in SPLITS}
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    builder = _builder_class(tfds.builder_cls(name), splits)(data_dir=folder, file_format=FORMAT)
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_dir=folder / "downloads")
    return Path(builder.data_path)


def _builder_class(registered: Any, splits: Mapping[str, Examples]) -> Any:
    class WithoutTensorFlow(registered, skip_registration=True):  # pyright: ignore
        pkg_dir_path = registered.pkg_dir_path  # its other files lie there

        def _info(self) -> Any:
            info = super()._info()
            info.as_proto.disable_shuffling = True  # the order is that of the official files
            return info

        def _split_generators(self, _: Any) -> dict[str, Any]:
            for examples in splits.values():
                for label, names in examples.names.items():
                    self.info.features[label].names = list(names)
            return {split: _generate(examples) for split, examples in splits.items()}

    WithoutTensorFlow.name = registered.name
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


# --- reading ----------------------------------------------------------------------------------


class Records(NamedTuple):
    """A split of a prepared set, read example by example.

    Example:
      >>> Records.__annotations__.keys()
      dict_keys(['place', 'source', 'image', 'label', 'channels', 'classes'])
    """

    place: str
    source: Any  # len and __getitems__(indices), the images still encoded
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
        return self._decode(i, *self._read(range(i, i + 1)))

    def examples(self) -> Iterator[tuple[np.ndarray, int]]:
        """All of them in turn, as ``example`` gives them; many at a time are read ten times faster.

        Raises:
          DataError: as ``example``; a record that cannot be read is one of those that it names.
        """
        for start in range(0, self.size(), CHUNK):
            indices = range(start, min(start + CHUNK, self.size()))
            yield from map(self._decode, indices, self._read(indices))

    def _read(self, indices: range) -> Sequence[Mapping[str, Any]]:
        try:
            return self.source.__getitems__(list(indices))
        except READING as error:
            raise DataError(
                f"{self.place}: records {indices[0]} to {indices[-1]} must be readable, got "
                f"{type(error).__name__}: {error}; prepare the set again"
            ) from None

    def _decode(self, i: int, record: Mapping[str, Any]) -> tuple[np.ndarray, int]:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(record[self.image])) as file:
                image = np.asarray(file.convert(MODES[self.channels]))
        except READING as error:
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
