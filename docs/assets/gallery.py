"""Takes figures of the experiments into the gallery, at most 100 kB each.

approxnet reproduce --out results
approxnet reproduce shallow_solvers_compared siegel_2023_table7 --scale full --out results
python docs/assets/gallery.py results

A figure that is too large is drawn with fewer pixels. Needs the extra ``examples``.
"""

import io
import sys
from pathlib import Path

from PIL import Image

FIGURES = {
    "depth_of_the_maximum": 1,
    "hierarchical_basis": 1,
    "l_shape": 1,
    "linear_regions_of_networks": 1,
    "one_hidden_layer_is_not_enough": 1,
    "runge_and_weierstrass": 1,
    "shallow_solvers_compared": 1,
    "siegel_2023_table7": 2,
    "spectral_bias": 3,
    "three_dimensions": 1,
    "universal_approximation": 1,
    "yarotsky_square": 2,
}
"""Which figure of which experiment."""

LARGEST = 100_000
"""Bytes."""


def main(results):
    """Write docs/figures/gallery."""
    folder = Path(__file__).parents[1] / "figures" / "gallery"
    folder.mkdir(exist_ok=True)
    for name, number in FIGURES.items():
        source = Path(results) / name / f"figure-{number}.png"
        (folder / f"{name}.png").write_bytes(small(source.read_bytes()))


def small(png):
    """The picture in at most 100 kB."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    width = picture.width
    while len(png) > LARGEST:
        width = int(0.9 * width)
        height = round(picture.height * width / picture.width)
        buffer = io.BytesIO()
        smaller = picture.resize((width, height), Image.Resampling.LANCZOS)
        smaller.quantize(128).save(buffer, "PNG", optimize=True)
        png = buffer.getvalue()
    return png


if __name__ == "__main__":
    main(sys.argv[1])
