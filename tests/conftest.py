"""Settings that every test shares: strict JAX, deterministic hypothesis, a compile cache."""

import collections
import os
from pathlib import Path

TESTS = Path(__file__).parent

os.environ.setdefault("MPLBACKEND", "agg")
# Through the environment, so that the commands which tests start use the cache too.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(TESTS.parent / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")

import hypothesis
import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)

hypothesis.settings.register_profile(
    "approxnet", derandomize=True, database=None, deadline=None, max_examples=25
)
hypothesis.settings.load_profile("approxnet")

PURE_CHAPTERS = {
    "quadrature",
    "fem",
    "relu",
    "mapping",
    "multigrid",
    "approximation",
    "optimize",
    "shallow",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of the cases of a test marked ``sample(k)``, k >= 2 stay, spread evenly; the rest is slow."""
    cases = collections.defaultdict(list)
    for item in items:
        if item.get_closest_marker("sample"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for every in cases.values():
        (k,) = every[0].get_closest_marker("sample").args
        stay = {i * (len(every) - 1) // (k - 1) for i in range(k)}
        for i in set(range(len(every))) - stay:
            every[i].add_marker("slow")


@pytest.fixture(autouse=True)
def _strict_dtype_promotion(request):
    """In the pure chapters two dtypes never meet unless the code says so."""
    path = request.node.path
    parts = path.relative_to(TESTS).with_suffix("").parts if path.is_relative_to(TESTS) else ()
    names = {part.removeprefix("test_") for part in parts}
    mode = "strict" if names & PURE_CHAPTERS else "standard"
    with jax.numpy_dtype_promotion(mode):
        yield


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_programs():
    """Thousands of small programs would fill the memory of a long run."""
    yield
    jax.clear_caches()


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
