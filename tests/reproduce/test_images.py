"""Pixels, greedy nodes and the PSNR."""

import sys

import numpy as np
import pytest

from approxnet import fem
from approxnet.errors import ConfigError
from approxnet.reproduce import images


def bump(shape=(40, 60)):
    """A smooth ramp with a sharp disc on it."""
    x, y = np.moveaxis(images.points(shape), -1, 0) * 512 / 60
    return 0.3 * x + 0.5 * ((x - 0.6) ** 2 + (y - 0.4) ** 2 < 0.04)


def test_the_photograph_is_grey_and_between_0_and_1():
    photograph = images.photograph()
    assert photograph.shape == (427, 640)
    assert 0 <= photograph.min() < 0.05
    assert 0.95 < photograph.max() <= 1


@pytest.mark.parametrize("module", ["sklearn.datasets", "PIL"])
def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'approxnet\[examples\]'"):
        images.photograph()


def test_pixels_are_points_with_the_first_row_on_top():
    x = images.points((3, 5)) * images.PIXELS_PER_UNIT
    np.testing.assert_array_equal(x[0, 0], [0, 2])
    np.testing.assert_array_equal(x[2, 4], [4, 0])
    np.testing.assert_array_equal(images.points((3, 5)).astype(np.float32), images.points((3, 5)))


def test_sampling_at_pixels_gives_the_pixels_and_between_them_the_mean():
    image = bump()
    x = images.points(image.shape)
    np.testing.assert_allclose(images.sample(image, x), image, atol=1e-14)
    middle = (x[:-1, :-1] + x[1:, 1:]) / 2
    mean = (image[:-1, :-1] + image[1:, 1:] + image[1:, :-1] + image[:-1, 1:]) / 4
    np.testing.assert_allclose(images.sample(image, middle), mean, atol=1e-14)


def test_psnr_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    noise = rng.choice([-0.01, 0.01], (50, 50))
    assert images.psnr(0.5 + noise, np.full((50, 50), 0.5)) == pytest.approx(40.0)


def test_blurring_keeps_constants_and_reaches_as_far_as_the_mesh_is_wide():
    np.testing.assert_allclose(images.blurred(np.full((20, 30), 0.7), 5), 0.7)
    point = np.zeros((101, 101))
    point[50, 50] = 1.0
    spread = images.blurred(point, 100)
    offset = np.arange(101) - 50
    variance = (spread.sum(axis=0) * offset**2).sum()
    assert variance == pytest.approx((0.15 * 10.1) ** 2, rel=0.02)


def test_greedy_nodes_are_distinct_pixels_with_the_corners_and_as_many_as_asked():
    image = bump()
    for nodes, count in zip(images.greedy_nodes(image, [4, 10, 77]), [4, 10, 77], strict=True):
        places = set(zip(nodes.rows.tolist(), nodes.columns.tolist(), strict=True))
        assert len(places) == len(nodes.values) == count
        assert {(0, 0), (0, 59), (39, 0), (39, 59)} <= places
        expected = images.blurred(image, count)[nodes.rows, nodes.columns]
        np.testing.assert_array_equal(nodes.values, expected)


def test_greedy_nodes_go_on_from_one_count_to_the_next():
    few, many = images.greedy_nodes(bump(), [20, 80])
    pairs = [set(zip(n.rows.tolist(), n.columns.tolist(), strict=True)) for n in (few, many)]
    assert pairs[0] < pairs[1]


def test_greedy_nodes_beat_a_uniform_mesh_where_the_picture_is_local():
    image, x = bump(), images.points((40, 60))
    (nodes,) = images.greedy_nodes(image, [96])
    mesh = fem.delaunay(images.place(nodes.rows, nodes.columns, image.shape))
    adaptive = images.psnr(np.asarray(fem.evaluate(mesh, nodes.values, x)), image)
    box = fem.box((11, 7), x[-1, 0], x[0, -1])
    values = images.sample(images.blurred(image, 96), box.nodes)
    uniform = images.psnr(np.asarray(fem.evaluate(box, values, x)), image)
    assert adaptive > uniform + 2


def test_all_pixels_can_be_nodes():
    image = bump((6, 7))
    (nodes,) = images.greedy_nodes(image, [42])
    assert len(nodes.values) == 42


@pytest.mark.parametrize("counts", [[3], [10, 10], [20, 10], [2401]])
def test_counts_that_make_no_sense_are_refused(counts):
    with pytest.raises(ConfigError, match="counts of nodes must increase"):
        list(images.greedy_nodes(bump(), counts))
