"""Settings that every test shares: strict JAX, deterministic hypothesis, a compile cache."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")

import hypothesis
import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update(
    "jax_compilation_cache_dir",
    os.environ.get("JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "approxnet-jax")),
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)

hypothesis.settings.register_profile("approxnet", derandomize=True, deadline=None, max_examples=25)
hypothesis.settings.load_profile("approxnet")

PURE_CHAPTERS = {"quadrature", "fem", "relu", "mapping"}


@pytest.fixture(autouse=True)
def _strict_dtype_promotion(request):
    """In the pure chapters two dtypes never meet unless the code says so."""
    parts = set(Path(request.node.path).with_suffix("").parts)
    names = {part.removeprefix("test_") for part in parts}
    mode = "strict" if names & PURE_CHAPTERS else "standard"
    with jax.numpy_dtype_promotion(mode):
        yield


@pytest.fixture
def x64():
    """Run the test in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Run the test in single and in double precision; the value is the dtype's name."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param
