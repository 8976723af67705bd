"""Networks in files: bits kept, damage found."""

import contextlib
import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import relu
from approxnet.errors import DataError, NetworkError


def same_bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_every_network_comes_back_bit_by_bit(net, tmp_path):
    relu.save(tmp_path / "net.npz", net)
    back = relu.load(str(tmp_path / "net.npz"))
    assert jax.tree.structure(back) == jax.tree.structure(net)
    assert all(map(same_bits, jax.tree.leaves(back), jax.tree.leaves(net)))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_dtypes_are_kept(name, build, tmp_path):
    net = jax.tree.map(lambda a: jnp.asarray(a, name), build("dense"))
    relu.save(tmp_path / "net.npz", net)
    assert all(
        map(same_bits, jax.tree.leaves(relu.load(tmp_path / "net.npz")), jax.tree.leaves(net))
    )


def test_the_path_is_used_as_given_and_nothing_else_is_left(build, tmp_path):
    relu.save(tmp_path / "net", build("dense"))
    relu.save(tmp_path / "net", build("sparse"))
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert relu.shape(relu.load(tmp_path / "net")) == relu.shape(build("sparse"))


@pytest.mark.parametrize(("module", "function"), [(np, "savez"), (os, "replace")])
def test_a_failed_save_leaves_the_old_file(module, function, build, tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    relu.save(path, build("dense"))

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, function, full)
    with pytest.raises(OSError, match="No space left"):
        relu.save(path, build("sparse"))
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]
    assert relu.shape(relu.load(path)) == relu.shape(build("dense"))


def test_a_network_whose_layers_do_not_fit_is_not_saved(build, tmp_path):
    layers = build("dense").layers
    with pytest.raises(NetworkError, match="does not fit"):
        relu.save(tmp_path / "net.npz", relu.Network((layers[1], layers[0]), ("relu",)))
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        relu.load(tmp_path / "none.npz")


def test_no_flipped_bit_and_no_truncation_goes_unseen(build, tmp_path):
    path = tmp_path / "net.npz"
    relu.save(path, build("stacked"))
    good, net = path.read_bytes(), relu.load(path)
    for place in np.linspace(0, len(good) - 1, 60).astype(int):
        bad = bytearray(good)
        bad[place] ^= 1 << (place % 8)
        path.write_bytes(bytes(bad))
        # What is not seen must be a bit without meaning, such as the archive's date.
        with contextlib.suppress(DataError):
            back = relu.load(path)
            assert all(map(same_bits, jax.tree.leaves(back), jax.tree.leaves(net)))
            assert back.activations == net.activations
    for length in (0, 1, 100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:length])
        with pytest.raises(DataError, match=r"net\.npz"):
            relu.load(path)


@pytest.mark.parametrize("content", [b"<html>moved</html>", b"\x80\x04N."])
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"net\.npz: the archive"):
        relu.load(tmp_path / "net.npz")


def test_one_array_is_refused(tmp_path):
    np.save(tmp_path / "net.npy", np.ones(3))
    with pytest.raises(DataError, match="one array"):
        relu.load(tmp_path / "net.npy")


def rewritten(path, change):
    """Write the file again with a changed header and changed arrays."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays["header"]))
    change(header, arrays)
    if "header" in arrays:
        arrays["header"] = np.array(json.dumps(header))
    with open(path, "wb") as file:
        np.savez(file, **arrays)


DAMAGE = {
    "no header": (lambda h, a: a.pop("header"), "header"),
    "another format": (lambda h, a: h.update(format="mesh"), "header must say .* got 'mesh'"),
    "a newer version": (lambda h, a: h.update(version=2), "version 2"),
    "no layers": (lambda h, a: h.pop("layers"), "header"),
    "unknown kind": (lambda h, a: h["layers"][0].update(kind="Conv"), "header of layer 0.*Conv"),
    "unknown dtype": (lambda h, a: h["layers"][0].update(weight="float99"), "header of layer 0"),
    "a leaf is missing": (lambda h, a: a.pop("1.0.columns"), "1.0.columns"),
    "a leaf too many": (lambda h, a: a.update(extra=np.ones(2)), "extra not named"),
    "a shape is wrong": (lambda h, a: a.update({"0.bias": np.ones(5)}), "layer 0: weight"),
    "an activation is unknown": (lambda h, a: h.update(activations=["relu", "rely"]), "'rely'"),
    "a pickle": (lambda h, a: a.update({"0.bias": np.array([{}], object)}), "0.bias.*pickle"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_named_with_file_and_field(case, build, tmp_path):
    path = tmp_path / "net.npz"
    relu.save(path, build("stacked"))
    change, message = DAMAGE[case]
    rewritten(path, change)
    with pytest.raises(DataError, match=rf"net\.npz: .*{message}"):
        relu.load(path)
