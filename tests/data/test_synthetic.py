"""Points whose geometry is known: the geometry is proved by linear programs."""

import jax
import numpy as np
import pytest
from scipy.optimize import linprog

from approxnet.data import synthetic
from approxnet.errors import ConfigError


def fresh(seed=0):
    """A key that is not used yet."""
    return jax.random.key(seed)


def separator(x, labels, k):
    """Affine functions (W, b) of which the right one leads by 1, or None: a linear program."""
    d = x.shape[1]
    rows = []
    for point, label in zip(np.asarray(x, float), np.asarray(labels), strict=True):
        for other in set(range(k)) - {int(label)}:
            row = np.zeros((k, d + 1))
            row[label], row[other] = [*point, 1], [*-point, -1]
            rows.append(row.ravel())
    bounds = [(None, None)] * (k * (d + 1))
    found = linprog(np.zeros(k * (d + 1)), -np.array(rows), -np.ones(len(rows)), bounds=bounds)
    return found.x.reshape(k, d + 1) if found.success else None


def linear(points, k=3):
    return separator(points.x, points.labels, k) is not None


def all_versus_one(points, k=3):
    labels = np.asarray(points.labels)
    return all(separator(points.x, (labels == i).astype(int), 2) is not None for i in range(k))


def pairwise(points, k=3):
    x, labels = np.asarray(points.x), np.asarray(points.labels)
    return all(
        separator(x[(labels == i) | (labels == j)], labels[(labels == i) | (labels == j)] == j, 2)
        is not None
        for i in range(k)
        for j in range(i)
    )


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("all_versus_one", (True, True, True)),
        ("linear", (False, True, True)),
        ("pairwise", (False, False, True)),
    ],
)
def test_the_three_sets_are_separable_in_the_sense_named_and_in_none_stronger(
    kind, expected, n, x64
):
    points = synthetic.three_sets(kind, n)
    assert (all_versus_one(points), linear(points), pairwise(points)) == expected


def test_the_separation_of_the_intervals_is_the_published_one(x64):
    """w = (-2, 0, 2), b = (-3, 0, -3) on [-4, -2], [-1, 1], [2, 4]."""
    x, labels = synthetic.three_sets("linear", 50)
    scores = np.asarray(x) * np.array([-2, 0, 2]) + np.array([-3, 0, -3])
    assert (scores.argmax(1) == np.asarray(labels)).all()
    for label, (lower, upper) in enumerate([(-4, -2), (-1, 1), (2, 4)]):
        part = np.asarray(x)[np.asarray(labels) == label]
        assert (part.min(), part.max()) == (lower, upper)


def test_the_certificate_of_the_pinwheel_sums_to_zero():
    """2 (w_i - w_{i+1}) p_i + (w_i - w_{i-1}) 2 p_{i-1}, summed over i, for any w and b."""
    rng = np.random.default_rng(0)
    p = synthetic.ROOTS
    w, b = rng.normal(size=(3, 2)), rng.normal(size=3)
    total = sum(
        2 * ((w[i] - w[(i + 1) % 3]) @ p[i] + b[i] - b[(i + 1) % 3])
        + (w[i] - w[i - 1]) @ (2 * p[i - 1])
        + b[i]
        - b[i - 1]
        for i in range(3)
    )
    assert abs(total) < 1e-14
    for i in range(3):
        np.testing.assert_array_equal(synthetic.SEGMENTS["pairwise"][i], [p[i], 2 * p[i - 1]])


@pytest.mark.sample(3)
@pytest.mark.parametrize(("d", "classes", "margin"), [(2, 2, 0.1), (2, 5, 1.0), (10, 3, 0.3)])
def test_separable_sets_keep_the_margin(d, classes, margin, dtype):
    """The difference of two margins gives the directions; the boundaries follow from them."""
    x, labels = synthetic.separable(fresh(), 300, d=d, classes=classes, margin=margin)
    assert (x.shape, x.dtype, labels.dtype) == ((300, d), dtype, np.int32)
    assert np.bincount(labels).tolist() == [300 // classes] * classes
    x, labels = np.asarray(x, float), np.asarray(labels)
    wider = np.asarray(synthetic.separable(fresh(), 300, d=d, classes=classes, margin=margin + 1).x)
    w = np.stack([(wider - x)[labels == i].mean(0) for i in range(classes)])
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    angles = 2 * np.pi / classes * np.subtract.outer(np.arange(classes), np.arange(classes))
    eps = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(w @ w.T, np.cos(angles), atol=eps)
    normals = w[labels][:, None] - w  # (n, classes, d), of the boundary to each class
    lengths = np.linalg.norm(normals, axis=-1)
    lead = np.einsum("nkd,nd->nk", normals, x) / np.where(lengths > eps, lengths, 1)
    others = labels[:, None] != np.arange(classes)
    assert lead[others].min() > margin - eps
    assert lead[others].min() < margin + 0.05  # and no wider than asked


def test_circles_lie_in_their_rings():
    x, labels = synthetic.circles(fresh(), 500, classes=3, width=0.4)
    radius = np.linalg.norm(np.asarray(x, float), axis=1)
    assert np.abs(radius - (np.asarray(labels) + 1)).max() <= 0.2 + 1e-6
    assert np.abs(radius - (np.asarray(labels) + 1)).max() > 0.19
    angle = np.arctan2(x[:, 1], x[:, 0])
    assert np.histogram(angle, 8, (-np.pi, np.pi))[0].min() > 500 / 8 / 2
    assert not linear(synthetic.circles(fresh(), 60), 2)


def test_spirals_are_one_curve_turned():
    turns, k = 1.5, 3
    x, labels = synthetic.spirals(fresh(), 300, classes=k, turns=turns)
    z = np.asarray(x, float) @ np.array([1, 1j])
    s = np.abs(z)
    expected = s * np.exp(2j * np.pi * (turns * s + np.asarray(labels) / k))
    np.testing.assert_allclose(z, expected, atol=1e-5)
    assert s.max() <= 1
    noisy = np.asarray(synthetic.spirals(fresh(), 3000, noise=0.1).x) - np.asarray(
        synthetic.spirals(fresh(), 3000).x
    )
    assert noisy.std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.sample(2)
@pytest.mark.parametrize("draw", [synthetic.separable, synthetic.circles, synthetic.spirals])
def test_points_are_a_function_of_the_key_also_compiled_and_mapped(draw, dtype):
    import functools

    draw = functools.partial(draw, n=20, classes=2)
    eager = draw(fresh())
    np.testing.assert_array_equal(eager.x, draw(fresh()).x)
    assert not np.array_equal(eager.x, draw(jax.random.key(1)).x)
    tolerance = 20 * np.finfo(dtype).eps
    compiled = jax.jit(draw)
    np.testing.assert_allclose(compiled(fresh()).x, eager.x, atol=tolerance)
    keys = jax.random.split(fresh(), 3)
    mapped = jax.jit(jax.vmap(draw))(keys)
    for key, x in zip(keys, mapped.x, strict=True):
        np.testing.assert_allclose(x, compiled(key).x, atol=tolerance)


@pytest.mark.parametrize("draw", [synthetic.separable, synthetic.circles, synthetic.spirals])
def test_points_can_be_drawn_under_strict_promotion(draw):
    with jax.numpy_dtype_promotion("strict"):
        assert draw(fresh(), 4).x.shape == (4, 2)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="d must be an integer >= 2, got 1"):
        synthetic.separable(fresh(), 4, d=1)
    with pytest.raises(ValueError, match="classes must be an integer >= 2, got 1"):
        synthetic.circles(fresh(), 4, classes=1)
    with pytest.raises(ValueError, match="n must be an integer >= 1, got 0"):
        synthetic.spirals(fresh(), 0)
    with pytest.raises(ValueError, match="n must be an integer >= 2, got 1"):
        synthetic.three_sets("linear", 1)
    with pytest.raises(ConfigError, match="did you mean 'pairwise'"):
        synthetic.three_sets("pairwize", 3)


@pytest.mark.parametrize("n", [2, 7])
def test_half_discs_are_apart_and_of_radius_one(n):
    x, labels = (np.asarray(a) for a in synthetic.half_discs(n, margin=0.3, slide=0.7))
    side = 2 * labels - 1
    assert labels.tolist() == [i % 2 for i in range(n)]
    assert (side * x[:, 0]).min() >= 0.3
    moved = side[:, None] * x - [0.3, 0.7]
    assert np.linalg.norm(moved, axis=1).max() < 1
    with pytest.raises(ValueError, match="n must be an integer >= 2"):
        synthetic.half_discs(1)
