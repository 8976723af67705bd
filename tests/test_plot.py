"""Figures are drawn, say the right thing, and leave matplotlib's global state alone."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from approxnet import fem, plot, relu
from approxnet.errors import AssumptionError

HERE = os.environ | {"PYTHONPATH": str(Path(plot.__file__).parents[1])}
SQUARE = fem.box((4, 3))
LINE = fem.interval([0.0, 0.2, 1.0])
HAT = relu.from_layers([([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0]), ([[1.0, -2.0, 1.0]], [0.0])])
RIDGE = relu.from_layers([([[1.0, 0.0]], [0.0]), ([[3.0]], [0.0])])

DRAWINGS = {
    "mesh on the line": lambda axes: plot.mesh(LINE, axes=axes),
    "mesh in the plane": lambda axes: plot.mesh(SQUARE, axes=axes),
    "function on the line": lambda axes: plot.function(LINE, [0.0, 1.0, 0.0], axes=axes),
    "function in the plane": lambda axes: plot.function(SQUARE, SQUARE.nodes[:, 0], axes=axes),
    "network on the line": lambda axes: plot.network(HAT, [-2.0], [2.0], axes=axes),
    "network in the plane": lambda axes: plot.network(RIDGE, [-1, -1], [1, 1], axes=axes),
    "kinks": lambda axes: plot.kinks(RIDGE, [-1, -1], [1, 1], axes=axes),
    "regions on the line": lambda axes: plot.regions(HAT, [-2.0], [2.0], axes=axes),
    "regions in the plane": lambda axes: plot.regions(RIDGE, [-1, -1], [1, 1], axes=axes),
    "rates": lambda axes: plot.rates({"a": ([1, 2], [1.0, 0.5])}, axes=axes),
    "image": lambda axes: plot.image(np.eye(3), axes=axes),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_a_figure_that_can_be_saved(name, tmp_path):
    figure = DRAWINGS[name](None)
    figure.savefig(tmp_path / "a.png")
    figure.savefig(tmp_path / "a.svg")
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_goes_where_it_is_told(name):
    figure, axes = plot.figure(1, 2)
    assert DRAWINGS[name](axes[1]) is figure
    assert axes[1].has_data()
    assert not axes[0].has_data()


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_leaves_the_global_state_alone(name):
    before = dict(mpl.rcParams)
    DRAWINGS[name](None)
    assert dict(mpl.rcParams) == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_importing_plot_imports_no_matplotlib():
    code = "import sys, approxnet.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=HERE).returncode == 0


def test_the_graph_of_a_network_is_its_graph():
    (line,) = plot.network(HAT, [-2.0], [2.0], points=9).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [0, 0, 0, 0.5, 1, 0.5, 0, 0, 0])


def test_an_image_of_a_network_has_its_values_where_they_belong():
    picture = plot.network(RIDGE, [-1.0, 0.0], [1.0, 4.0], points=5).axes[0].images[0]
    np.testing.assert_allclose(picture.get_array(), np.tile([0, 0, 0, 1.5, 3], (5, 1)))
    np.testing.assert_allclose(picture.get_extent(), [-1.25, 1.25, -0.5, 4.5])


def test_kinks_are_seen_where_the_gradient_jumps_and_as_large_as_the_jump():
    picture = plot.kinks(RIDGE, [-1.0, -1.0], [1.0, 1.0], points=9).axes[0].images[0]
    array = np.asarray(picture.get_array())
    np.testing.assert_allclose(array[:, 3], 3.0)
    np.testing.assert_allclose(np.delete(array, 3, axis=1), 0.0, atol=1e-6)


def test_regions_on_the_line_are_an_exact_graph():
    (line,) = plot.regions(HAT, [-2.0], [1.5]).axes[0].lines
    x = [-2, -1, -1, 0, 0, 1, 1, 1.5]
    np.testing.assert_allclose(line.get_xdata(), x, atol=1e-12)
    np.testing.assert_allclose(line.get_ydata(), [0, 0, 0, 1, 1, 0, 0, 0], atol=1e-12)


def test_regions_in_the_plane_have_the_values_in_their_middle():
    (faces,) = plot.regions(RIDGE, [-1.0, 0.0], [1.0, 4.0]).axes[0].collections
    boxes = [path.get_extents().extents for path in faces.get_paths()]
    order = np.argsort([box[0] for box in boxes])
    np.testing.assert_allclose(np.array(boxes)[order], [[-1, 0, 0, 4], [0, 0, 1, 4]])
    np.testing.assert_allclose(np.asarray(faces.get_array())[order], [0.0, 1.5])


def test_the_slope_of_a_curve_is_fitted():
    sizes = np.array([4, 8, 16, 32])
    text = plot.rates({"P1": (sizes, 3.0 * sizes**-1.5)}).axes[0].get_legend().get_texts()
    assert text[0].get_text() == "P1, slope -1.50"


def test_images_stand_in_rows():
    figure = plot.images({str(i): np.zeros((2, 3)) for i in range(5)}, columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["0", "1", "2", "3", "4"]


def test_what_cannot_be_drawn_is_refused():
    cube = fem.box((1, 1, 1))
    with pytest.raises(AssumptionError, match="got d = 3"):
        plot.mesh(cube)
    with pytest.raises(AssumptionError, match="got d = 3"):
        plot.function(cube, np.zeros(8))
    with pytest.raises(AssumptionError, match="in the plane"):
        plot.kinks(HAT, [0.0], [1.0])
    with pytest.raises(ValueError, match=r"values must have shape \(3,\), got \(2,\)"):
        plot.function(LINE, [1.0, 2.0])
    with pytest.raises(ValueError, match="lower < upper"):
        plot.network(HAT, [1.0], [0.0])
    with pytest.raises(AssumptionError, match="got d = 3"):
        plot.regions(relu.identity(3, 1), np.zeros(3), np.ones(3))
    with pytest.raises(ValueError, match="must be positive"):
        plot.rates({"a": ([1, 2], [1.0, 0.0])})
    with pytest.raises(ValueError, match="must be matrices"):
        plot.images({})


def test_several_figures_make_one_moving_picture(tmp_path):
    frames = [plot.images({str(i): np.full((4, 6), i / 2)}) for i in range(3)]
    (tmp_path / "a.png").write_bytes(plot.png(frames, dpi=30, pause=0.2))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.n_frames == 3
        assert picture.info["duration"] == 200
        pixels = []
        for i in range(3):
            picture.seek(i)
            pixels.append(np.asarray(picture.convert("L")).mean())
    assert pixels[0] < pixels[1] < pixels[2]
