"""Networks in files: NumPy's .npz with a header in JSON, no pickle.

The file holds one array per leaf, named by its place ("0.weight", "1.parts.0.columns"), and under
"header" a JSON text with the format's name and version, the activations, and for each layer its
kind, its sizes and the dtypes of its leaves. The archive carries a CRC of every array, so that a
damaged file is found out.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from approxnet.errors import DataError, NetworkError
from approxnet.relu.layers import Affine, BlockDiagonal, Layer, SparseAffine, Stack
from approxnet.relu.network import Network, checked_structure

FORMAT = "approxnet network"
VERSION = 1
LEAVES = {"Affine": ("weight", "bias"), "SparseAffine": ("columns", "weight", "bias")}
PARTS = {"Stack": Stack, "BlockDiagonal": BlockDiagonal}


def save(path: str | os.PathLike[str], net: Network) -> None:
    """Write a network to a file; a crash leaves the old file or the new one, never a half.

    Args:
      path: where to write, customarily ``name.npz``; a file that is there is replaced.
      net: a network with concrete leaves; dtypes and bits are kept.

    Raises:
      NetworkError: if the layers do not fit together.
      OSError: if the file cannot be written.

    >>> import tempfile
    >>> from approxnet import relu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/net.npz", relu.identity(2, 1))
    ...     relu.shape(load(f"{folder}/net.npz"))
    (2, 4, 2)
    """
    checked_structure(net.layers, net.activations)
    arrays: dict[str, np.ndarray] = {}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "activations": net.activations,
        "layers": [_describe(layer, str(i), arrays) for i, layer in enumerate(net.layers)],
    }
    path = Path(path)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(partial, "xb") as file:
            np.savez(file, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network that ``save`` wrote.

    Args:
      path: the file.

    Returns:
      the network, with NumPy leaves of the bits and dtypes that were saved.

    Raises:
      FileNotFoundError: if there is no such file.
      DataError: if the file is damaged, of another kind or of another version; names the field.

    >>> import tempfile
    >>> from approxnet import relu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/net.npz", relu.identity(2, 1))
    ...     relu.apply(load(f"{folder}/net.npz"), np.ones(2)).tolist()
    [1.0, 1.0]
    """
    arrays = _read(path)
    with _named(path, "header"):
        header = json.loads(str(arrays.pop("header")))
        given = header["format"], header["version"]
    if given != (FORMAT, VERSION):
        raise DataError(
            f"{path}: header must say {FORMAT!r} version {VERSION}, got {given[0]!r} version "
            f"{given[1]!r}; write it with relu.save of this version"
        )
    with _named(path, "header"):
        entries, activations = list(header["layers"]), tuple(header["activations"])
    layers = tuple(_build(path, entry, str(i), arrays) for i, entry in enumerate(entries))
    if arrays:
        raise DataError(f"{path}: {', '.join(sorted(arrays))} not named in the header")
    try:
        return checked_structure(layers, activations)
    except NetworkError as error:
        raise DataError(f"{path}: {error}") from error


def _describe(layer: Layer, place: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The header's entry of a layer; its leaves go into ``arrays``."""
    kind = type(layer).__name__
    if isinstance(layer, Stack | BlockDiagonal):
        parts = enumerate(layer.parts)
        return {"kind": kind, "parts": [_describe(p, f"{place}.{i}", arrays) for i, p in parts]}
    entry: dict[str, Any] = {"kind": kind, "n_in": layer.n_in}
    for name in LEAVES[kind]:
        leaf = np.asarray(getattr(layer, name))
        entry[name] = leaf.dtype.name
        # NumPy has no descriptor for bfloat16 and the like: their bits are stored as integers.
        native = leaf.dtype.isbuiltin == 1
        arrays[f"{place}.{name}"] = leaf if native else leaf.view(f"u{leaf.dtype.itemsize}")
    return entry


def _build(path: Any, entry: Any, place: str, arrays: dict[str, np.ndarray]) -> Layer:
    """The layer of a header's entry; its leaves are taken out of ``arrays``."""
    with _named(path, f"header of layer {place}"):
        kind = entry["kind"]
        if kind in PARTS:
            parts = enumerate(entry["parts"])
            return PARTS[kind](tuple(_build(path, p, f"{place}.{i}", arrays) for i, p in parts))
        dtypes = {name: jnp.dtype(entry[name]) for name in LEAVES[kind]}
        n_in = int(entry["n_in"])
    leaves = {}
    for name, dtype in dtypes.items():
        with _named(path, f"{place}.{name}"):
            leaves[name] = arrays.pop(f"{place}.{name}").view(dtype)
    return Affine(**leaves) if kind == "Affine" else SparseAffine(**leaves, n_in=n_in)


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, each checked against its CRC."""
    arrays = {}
    with open(path, "rb") as file:
        with _named(path, "the archive"):
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array, not an archive of arrays")
        with archive:
            for name in archive.files:
                with _named(path, name):
                    arrays[name] = archive[name]
    return arrays


@contextlib.contextmanager
def _named(path: str | os.PathLike[str], field: str) -> Iterator[None]:
    """Turn the many errors of damaged data into DataError with the file and the field."""
    try:
        yield
    except DataError:
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, UnicodeError, RecursionError),
        *(KeyError, IndexError, TypeError, ValueError, AttributeError, NotImplementedError),
    ) as error:
        raise DataError(
            f"{path}: {field} must be as relu.save wrote it, got {type(error).__name__}: {error}; "
            "the file is damaged or of another kind, take a copy or save the network again"
        ) from error
