"""Images normalised, cropped and mirrored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import data
from approxnet.data import augment
from approxnet.errors import ConfigError


def fresh(seed=0):
    """A key that is not used yet."""
    return jax.random.key(seed)


def images_of(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


# --- normalise --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", augment.STATISTICS)
def test_normalize_is_the_formula(name, dtype):
    mean, std = augment.STATISTICS[name]
    x = images_of((4, 5, 6, len(mean)))
    found = data.normalize(x, name)
    assert found.dtype == dtype
    expected = (x / 255.0 - np.array(mean)) / np.array(std)
    # two roundings of numbers below 5, and one of the scale
    np.testing.assert_allclose(found, expected, rtol=0, atol=3 * 5 * np.finfo(dtype).eps)


def test_both_normalisations_of_cifar_are_named_and_differ_as_published():
    """The course prints both, and divides by the second."""
    pooled, per_image = (augment.STATISTICS[n] for n in ("cifar10", "cifar10_per_image"))
    assert pooled.mean == per_image.mean == (0.49140105, 0.48215663, 0.44653168)
    assert pooled.std == (0.24703284, 0.24348499, 0.26158834)
    assert per_image.std == (0.20220193, 0.19931635, 0.20086373)
    white = np.full((1, 1, 3), 255, np.uint8)
    ratio = data.normalize(white, "cifar10_per_image") / data.normalize(white, "cifar10")
    expected = np.array(pooled.std) / per_image.std
    np.testing.assert_allclose(ratio.ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize("per_image", [False, True])
def test_statistics_are_the_definition(per_image):
    x = images_of((50, 7, 6, 3)) // np.array([1, 2, 3], np.uint8)
    pixels = x.astype(np.float64) / 255
    std = pixels.std(axis=(1, 2)).mean(0) if per_image else pixels.std(axis=(0, 1, 2))
    found = augment.statistics(x, per_image=per_image)
    np.testing.assert_allclose(found.mean, pixels.mean(axis=(0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(found.std, std, rtol=1e-13)


def test_a_constant_image_has_deviation_zero():
    x = np.full((2, 3, 3, 1), 255, np.uint8)
    assert augment.statistics(x).std == augment.statistics(x, per_image=True).std == (0.0,)


def test_a_set_normalised_by_its_own_statistics_has_mean_0_and_deviation_1(x64):
    x = images_of((40, 8, 8, 3))
    z = data.normalize(x, augment.statistics(x))
    np.testing.assert_allclose(z.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(z.std((0, 1, 2)), 1, rtol=1e-12)


def test_normalize_compiles_once_and_maps(dtype):
    traces = []

    @jax.jit
    def step(x):
        traces.append(1)
        return data.normalize(x, "cifar10")

    x = images_of((3, 4, 4, 3))
    eager = data.normalize(x, "cifar10")
    for _ in range(2):
        np.testing.assert_allclose(step(x), eager, atol=1e-5)
    assert len(traces) == 1
    mapped = jax.vmap(lambda image: data.normalize(image, "cifar10"))(jnp.asarray(x))
    np.testing.assert_array_equal(mapped, eager)


def test_the_dtype_can_be_chosen():
    assert (
        data.normalize(images_of((1, 2, 2, 1)), "fashion_mnist", dtype="bfloat16").dtype
        == "bfloat16"
    )


@pytest.mark.parametrize(
    ("images", "name", "error", "message"),
    [
        (np.zeros((2, 4, 4, 3)), "cifar10", ValueError, r"must be uint8 in 0\.\.255, got float64"),
        (
            np.zeros((2, 4, 4, 3), int),
            "cifar10",
            ValueError,
            r"must be uint8 .*got int64; normalise",
        ),
        ([[[0.5]]], "fashion_mnist", ValueError, r"must be uint8"),
        (
            images_of((2, 3, 4, 4)),
            "cifar10",
            ValueError,
            r"\(\.\.\., h, w, 3\), .*got \(2, 3, 4, 4\)",
        ),
        (images_of((2, 4, 4, 1)), "cifar10", ValueError, r"the channel on the last axis"),
        (images_of((4, 3)), "cifar10", ValueError, r"\(\.\.\., h, w, 3\), .*got \(4, 3\)"),
        (images_of((2, 4, 4, 3)), "cifar", ConfigError, r"got 'cifar'; did you mean 'cifar10'"),
    ],
)
def test_what_cannot_be_normalised_is_refused(images, name, error, message):
    with pytest.raises(error, match=message):
        data.normalize(images, name)


# --- crop and flip ----------------------------------------------------------------------------


def windows(image, pad):
    """Every crop of the padded image and its mirror image, by definition."""
    h, w, _ = image.shape
    wide = np.zeros((h + 2 * pad, w + 2 * pad, image.shape[2]), image.dtype)
    wide[pad : pad + h, pad : pad + w] = image
    return {
        (i, j, mirrored): wide[i : i + h, j : j + w][:, :: -1 if mirrored else 1]
        for i in range(2 * pad + 1)
        for j in range(2 * pad + 1)
        for mirrored in (False, True)
    }


def test_every_window_comes_about_equally_often_and_nothing_else():
    """4000 draws from 18 windows: each 222 times with deviation 14.5, and so within 5 of them."""
    image = images_of((5, 4, 3))
    expected = {window.tobytes(): place for place, window in windows(image, 1).items()}
    assert len(expected) == 18
    found = np.asarray(augment.crop_flip(fresh(), np.broadcast_to(image, (4000, 5, 4, 3)), 1))
    counts = dict.fromkeys(expected.values(), 0)
    for crop in found:
        counts[expected[crop.tobytes()]] += 1
    assert all(abs(count - 4000 / 18) < 5 * 14.5 for count in counts.values()), counts


def test_the_images_of_a_batch_are_drawn_independently():
    """Row shift, column shift and mirror of an image say nothing of each other or of the next."""
    image = images_of((6, 6, 1))
    places = {window.tobytes(): place for place, window in windows(image, 2).items()}
    found = np.asarray(augment.crop_flip(fresh(), np.broadcast_to(image, (2000, 6, 6, 1)), 2))
    draws = np.array([places[crop.tobytes()] for crop in found], float)
    columns = np.concatenate([draws[:-1], draws[1:]], axis=1)
    correlation = np.corrcoef(columns.T) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


@pytest.mark.parametrize("dtype_name", ["uint8", "float32", "bfloat16"])
def test_crop_flip_keeps_the_dtype_and_is_the_same_compiled(dtype_name):
    x = jnp.asarray(images_of((8, 6, 5, 3)), dtype_name)
    eager = augment.crop_flip(fresh(), x, 2)
    assert (eager.dtype, eager.shape) == (x.dtype, x.shape)
    compiled = jax.jit(augment.crop_flip, static_argnames="pad")(fresh(), x, pad=2)
    np.testing.assert_array_equal(compiled, eager)


def test_crop_flip_maps_over_keys():
    x, keys = jnp.asarray(images_of((4, 6, 5, 1))), jax.random.split(fresh(), 3)
    mapped = jax.vmap(augment.crop_flip, (0, None, None))(keys, x, 1)
    looped = [augment.crop_flip(key, x, 1) for key in keys]
    np.testing.assert_array_equal(mapped, looped)


def test_without_padding_an_image_is_only_mirrored():
    x = images_of((20, 3, 4, 1))
    found = np.asarray(augment.crop_flip(fresh(), x, 0))
    kept = [np.array_equal(a, b) for a, b in zip(found, x, strict=True)]
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(found, x, strict=True)]
    assert np.logical_xor(kept, mirrored).all()
    assert 0 < sum(kept) < 20


def test_crop_flip_refuses_a_single_image_and_a_negative_pad():
    with pytest.raises(ValueError, match=r"x must have shape \(n, h, w, c\), got \(4, 4, 1\)"):
        augment.crop_flip(fresh(), images_of((4, 4, 1)))
    with pytest.raises(ValueError, match="pad must be an integer >= 0, got -1"):
        augment.crop_flip(fresh(), images_of((1, 4, 4, 1)), -1)
