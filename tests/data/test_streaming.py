"""Sets that are read example by example, and sets that another program has prepared."""

import contextlib
import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from approxnet import data
from approxnet.data import builders, folders
from approxnet.errors import ConfigError, DataError

from .conftest import all_files

NAMES = ("cat", "dog", "hen")


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def foreign(tmp_path):
    """A function that prepares a set with tensorflow-datasets alone."""

    def prepare(name, images, labels, *, features=None, config=None, file_format="array_record"):
        kinds = features or {
            "image": tfds.features.Image(shape=(None, None, images[0].shape[-1])),
            "label": tfds.features.ClassLabel(names=NAMES),
        }

        class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            VERSION = tfds.core.Version("1.2.0")
            BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config)] if config else []
            pkg_dir_path = tmp_path

            def _info(self):
                return tfds.core.DatasetInfo(
                    builder=self, features=tfds.features.FeaturesDict(kinds)
                )

            def _split_generators(self, manager):
                return {"train": self._generate_examples(), "validation": self._generate_examples()}

            def _generate_examples(self):
                for i, (image, label) in enumerate(zip(images, labels, strict=True)):
                    extra = {key: f"{key} {i}" for key in kinds if key not in ("image", "label")}
                    yield i, {"image": png(image), "label": int(label)} | extra

        Builder.name = name
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            Builder(data_dir=tmp_path, file_format=file_format).download_and_prepare()
        return tmp_path

    return prepare


class Source(list):
    """Records that are at hand."""

    def __getitems__(self, indices):
        return [self[i] for i in indices]


def images_of(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, shape, np.uint8) for shape in shapes]


def by_bytes(images, labels):
    """Examples in an order that does not depend on the shuffling of the builder."""
    return sorted((np.asarray(i).tobytes(), int(k)) for i, k in zip(images, labels, strict=True))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("config", [None, "small"])
def test_any_prepared_set_of_labelled_images_loads_by_name(channels, config, foreign):
    images, labels = images_of([(6, 5, channels)] * 12), np.arange(12) % 3
    folder = foreign("pets", images, labels, config=config)
    name = "pets/small" if config else "pets"
    for split in ("train", "validation"):
        dataset = data.load(name, split, data_dir=folder)
        assert dataset.images.shape == (12, 6, 5, channels)
        assert dataset.classes == NAMES
        assert by_bytes(dataset.images, dataset.labels) == by_bytes(images, labels)
        again = data.load(name, split, data_dir=folder)
        np.testing.assert_array_equal(again.images, dataset.images)
    with pytest.raises(
        ConfigError, match="split of pets must be one of train, validation, got 'te"
    ):
        data.load(name, "test", data_dir=folder)
    with pytest.raises(ConfigError, match=f"did you mean '{name}'"):
        data.load(name.replace("pets", "pest"), data_dir=folder)


def test_a_stream_gives_images_of_any_size_in_any_order(foreign):
    images = images_of([(4, 7, 3), (9, 2, 3), (5, 5, 3), (1, 1, 3)])
    folder = foreign("imagenet2012", images, [2, 0, 1, 2])
    stream = data.stream("imagenet2012", "validation", data_dir=folder)
    assert (len(stream), stream.classes) == (4, NAMES)
    order = [3, 0, 2, 1]
    found = [stream[i] for i in order]
    assert by_bytes(*zip(*found, strict=True)) == by_bytes(images, [2, 0, 1, 2])
    for i, example in zip(order, found, strict=True):
        np.testing.assert_array_equal(stream[i].image, example.image)
    np.testing.assert_array_equal(stream[-1].image, stream[3].image)
    assert [example.label for example in stream] == [stream[i].label for i in range(4)]
    for i in (4, -5):
        with pytest.raises(IndexError, match=rf"i must be from -4 to 3, got {i}"):
            stream[i]
    with pytest.raises(DataError, match=r"must have one size, got \(.*\) in record 0 and .*stream"):
        data.load("imagenet2012", "validation", data_dir=folder)


@pytest.mark.parametrize("way", ["official", "prepared", "digits"])
def test_a_stream_and_load_hold_the_same(way, official, tmp_path):
    name = "digits" if way == "digits" else "mnist"
    if way != "digits":
        made = official("mnist", tmp_path / "mnist" if way == "official" else None)
        data.fetch("mnist", source=made.folder, data_dir=tmp_path)
    dataset = data.load(name, "test", data_dir=tmp_path)
    stream = data.stream(name, "test", data_dir=tmp_path)
    np.testing.assert_array_equal([image for image, _ in stream], dataset.images)
    assert [label for _, label in stream] == dataset.labels.tolist()
    assert stream.classes == dataset.classes


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"image": "image", "label": "text"}, r"must hold one uint8 image and one label"),
        ({"image": "image", "label": "label", "mask": "image"}, r"got \{.*'mask': 'Image'"),
        ({"image": "image16", "label": "label"}, r"must hold one uint8 image"),
    ],
)
def test_a_set_of_another_kind_is_refused_with_its_features(features, message, foreign):
    kinds = {
        "image": tfds.features.Image(shape=(None, None, 1)),
        "image16": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16),
        "label": tfds.features.ClassLabel(names=NAMES),
        "text": tfds.features.Text(),
    }
    features = {key: kinds[kind] for key, kind in features.items()}
    names = set(features) - {"image", "label"}
    images = images_of([(4, 4, 1)])
    if names or not isinstance(features["label"], tfds.features.ClassLabel):
        folder = _rewritten(foreign, images, features)
    else:
        folder = foreign("pets", images, [0], features=features)
    with pytest.raises(DataError, match=message):
        data.load("pets", data_dir=folder)


def _rewritten(foreign, images, features):
    """A prepared set whose description names other features than it holds."""
    folder = foreign("pets", images, [0])
    tfds.features.FeaturesDict(features).save_config(folders.prepared(folder / "pets"))
    return folder


def test_a_set_in_tfrecords_is_refused_with_the_remedy(foreign):
    folder = foreign("pets", images_of([(4, 4, 1)]), [0])
    info = folders.prepared(folder / "pets") / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(DataError, match=r"as array_record, .*got tfrecord; .*file_format="):
        data.load("pets", data_dir=folder)


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
@pytest.mark.parametrize("content", ["", "{", "<html>"])
def test_a_damaged_description_is_a_data_error(file, content, foreign):
    folder = foreign("pets", images_of([(4, 4, 1)]), [0])
    (folders.prepared(folder / "pets") / file).write_text(content)
    with pytest.raises(DataError, match=r"pets/1\.2\.0 must be a set that tensorflow-datasets"):
        data.load("pets", data_dir=folder)


def test_a_damaged_record_is_named_by_its_number(foreign):
    """Every byte of a shard of a foreign set: found, or without effect on the images."""
    images = images_of([(4, 4, 3)] * 3)
    folder = foreign("pets", images, [0, 1, 2])
    (shard,) = folders.prepared(folder / "pets").glob("*-train.array_record*")
    good = shard.read_bytes()
    nonzero = [i for i, byte in enumerate(good) if byte]
    found = 0
    for position in nonzero[:: max(1, len(nonzero) // 60)]:
        shard.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        try:
            stream = data.stream("pets", "train", data_dir=folder)
            pairs = [stream[i] for i in range(len(stream))]
        except DataError as error:
            found += 1
            assert "pets/1.2.0" in str(error), error  # noqa: PT017
            continue
        assert by_bytes(*zip(*pairs, strict=True)) == by_bytes(images, [0, 1, 2])
    assert found > 30


def test_a_set_of_many_records_is_read_in_parts(foreign, monkeypatch):
    monkeypatch.setattr(builders, "CHUNK", 3)
    images, labels = images_of([(4, 4, 1)] * 10), np.arange(10) % 3
    folder = foreign("pets", images, labels)
    dataset = data.load("pets", data_dir=folder)
    stream = data.stream("pets", "train", data_dir=folder)
    np.testing.assert_array_equal(dataset.images, [image for image, _ in stream])
    assert by_bytes(dataset.images, dataset.labels) == by_bytes(images, labels)


def test_a_label_that_its_feature_does_not_know_is_refused():
    source = Source([{"image": png(np.zeros((2, 2, 1), np.uint8)), "label": -1}])
    records = builders.Records("pets, train", source, "image", "label", 1, NAMES)
    with pytest.raises(DataError, match="label of record 0 must be from 0 to 2, got -1"):
        records.example(0)


def test_an_empty_split_is_refused(foreign, monkeypatch):
    folder = foreign("pets", images_of([(4, 4, 1)]), [0])
    empty = builders.Records("pets, train", [], "image", "label", 1, NAMES)
    monkeypatch.setattr(builders, "records", lambda path, split: empty)
    with pytest.raises(DataError, match="pets, train: must hold an example, got none"):
        data.load("pets", data_dir=folder)


def test_a_set_that_does_not_fit_into_memory_is_refused_before_it_is_read(foreign, monkeypatch):
    class Endless(Source):
        def __len__(self):
            return 10**15

    folder = foreign("pets", images_of([(4, 4, 1)]), [0])
    source = Endless([{"image": png(np.zeros((9, 9, 1), np.uint8)), "label": 0}])
    huge = builders.Records("pets, train", source, "image", "label", 1, NAMES)
    monkeypatch.setattr(builders, "records", lambda path, split: huge)
    with pytest.raises(MemoryError, match="predicted size of 81000000000000000 bytes"):
        data.load("pets", data_dir=folder)


def test_a_read_only_prepared_set_is_not_written_to(foreign):
    images = images_of([(4, 4, 1)])
    folder = foreign("pets", images, [1])
    (folder / "pets").chmod(0o555)
    before = all_files(folder)
    np.testing.assert_array_equal(data.load("pets", data_dir=folder).images, images)
    assert all_files(folder) == before
