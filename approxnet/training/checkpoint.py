"""Checkpoints that are whole, or are not there.

FOLDER/step-00000469/arrays/...      the leaves of a tree, written by orbax
FOLDER/step-00000469/manifest        a line with the sha-256 of what follows, then JSON: the sha-256
                                     of every file, the path, shape and dtype of every leaf
FOLDER/.unfinished-*                 what a killed process has left; never read, removed by ``save``

``save`` writes arrays, then the manifest, then gives the folder its name: a process that is killed
at any moment leaves the earlier checkpoints as they were. ``restore`` reads nothing that differs
from the manifest in a single bit: a damaged checkpoint is reported loudly and the one before it
is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from approxnet import _checks, _files
from approxnet.errors import CheckpointError, CheckpointWarning
from approxnet.training import parallel

FORMAT = 1
MANIFEST, ARRAYS, UNFINISHED = "manifest", "arrays", ".unfinished-"
_NAME = re.compile(r"step-(\d{8,})")


class Checkpoint(NamedTuple):
    """What `restore` gives back.

    Example:
      >>> Checkpoint(469, {}, "runs/x").step
      469
    """

    step: int
    tree: Any
    path: str


def save(folder: str | os.PathLike[str], step: int, tree: Any, *, keep: int = 3) -> Path:
    """Write a checkpoint, and remove the oldest ones.

    Args:
      folder: where the checkpoints are; made if it is missing.
      step: its number, >= 0; a checkpoint of that number is replaced.
      tree: a pytree of arrays; random keys may be among them.
      keep: how many checkpoints stay, this one included.

    Returns:
      The folder of the checkpoint.

    Raises:
      CheckpointError: if it cannot be written, as on a full disk; the earlier ones are intact.

    Example:
      >>> import tempfile
      >>> save(tempfile.mkdtemp(), 469, {"w": jnp.ones(3)}).name
      'step-00000469'
    """
    folder = Path(folder).absolute()
    place = folder / f"step-{_checks.count('step', step):08d}"
    keep = _checks.count("keep", keep, at_least=1)
    work = folder / f"{UNFINISHED}{place.name}"
    try:
        if parallel.is_first():
            folder.mkdir(parents=True, exist_ok=True)
            _remove(folder.glob(f"{UNFINISHED}*"))
            work.mkdir()
        parallel.meet("checkpoint is begun")
        _write_arrays(work / ARRAYS, tree)
        if parallel.is_first():
            _write_manifest(work, step, tree)
            if place.exists():
                place.rename(folder / f"{UNFINISHED}replaced-{place.name}")
            work.rename(place)
            _sync(folder)
            _remove([*folder.glob(f"{UNFINISHED}*"), *_stored(folder)[keep:]])
        parallel.meet("checkpoint is written")
    except (OSError, ValueError) as error:  # orbax says ValueError when the disk is full
        _remove([work])
        raise CheckpointError(
            f"{place} could not be written ({error}); the earlier checkpoints are intact: make "
            "room, or choose another folder"
        ) from error
    return place


def restore(folder: str | os.PathLike[str], like: Any) -> Checkpoint:
    """The newest checkpoint that is undamaged.

    Args:
      folder: where `save` put the checkpoints.
      like: a pytree of arrays, or of ``jax.ShapeDtypeStruct``, of the structure, shapes, dtypes
        and devices that the result is to have.

    Returns:
      Its step, the tree, and its folder. Every damaged checkpoint that is newer was named in a
      ``CheckpointWarning``.

    Raises:
      CheckpointError: if there is none that is undamaged, or if it is not of that structure; names
        the leaves that differ.

    Example:
      >>> import tempfile
      >>> folder = tempfile.mkdtemp()
      >>> _ = save(folder, 7, {"w": jnp.ones(3)})
      >>> restore(folder, {"w": jnp.zeros(3)}).tree["w"].tolist()
      [1.0, 1.0, 1.0]
    """
    folder, reasons = Path(folder).absolute(), []
    for place in _stored(folder):
        try:
            manifest = _verify(place)
            _compare(place, manifest["leaves"], _describe(like))
            return Checkpoint(manifest["step"], _read_arrays(place / ARRAYS, like), str(place))
        except _DamageError as error:
            reasons.append(str(error))
            warnings.warn(
                f"{error}; the checkpoint before it is used", CheckpointWarning, stacklevel=2
            )
    raise CheckpointError(
        f"{folder} must hold an undamaged checkpoint, got "
        f"{'; '.join(reasons) or 'none at all'}; train again in another folder"
    )


def steps(folder: str | os.PathLike[str]) -> list[int]:
    """The steps of the checkpoints in a folder, the newest first, damaged or not.

    Example:
      >>> steps("nowhere")
      []
    """
    return [int(place.name.removeprefix("step-")) for place in _stored(Path(folder))]


class _DamageError(Exception):
    """A checkpoint is not what ``save`` wrote; names the file."""


def _stored(folder: Path) -> list[Path]:
    places = [p for p in folder.glob("step-*") if _NAME.fullmatch(p.name)]
    return sorted(places, key=lambda p: int(p.name.removeprefix("step-")), reverse=True)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in flat]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _describe(tree: Any) -> dict[str, str]:
    """Path of each leaf, and its dtype and shape as text."""
    return {path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in _leaves(tree)}


def _write_arrays(path: Path, tree: Any) -> None:
    import orbax.checkpoint as ocp  # takes more than a second, as much as jax itself

    leaves = [jax.random.key_data(x) if _is_key(x) else x for _, x in _leaves(tree)]
    with ocp.StandardCheckpointer() as checkpointer:  # orbax refuses arrays without entries
        checkpointer.save(path, {str(i): leaf for i, leaf in enumerate(leaves) if leaf.size})


def _read_arrays(path: Path, like: Any) -> Any:
    import orbax.checkpoint as ocp

    def shape(leaf: Any) -> jax.ShapeDtypeStruct:
        data = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
        sharding = getattr(leaf, "sharding", None)
        sharding = sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=sharding)

    leaves, structure = jax.tree.flatten(like)
    shapes = {str(i): shape(leaf) for i, leaf in enumerate(leaves)}
    with ocp.StandardCheckpointer() as checkpointer:
        found = checkpointer.restore(path, {i: x for i, x in shapes.items() if x.size})
    arrays = [found[i] if x.size else jnp.zeros(x.shape, x.dtype) for i, x in shapes.items()]
    pairs = zip(arrays, leaves, strict=True)
    return structure.unflatten([jax.random.wrap_key_data(a) if _is_key(x) else a for a, x in pairs])


def _write_manifest(work: Path, step: int, tree: Any) -> None:
    content = {
        "format": FORMAT,
        "step": step,
        "jax": jax.__version__,
        "leaves": _describe(tree),
        "files": _sums(work),
    }
    text = json.dumps(content, indent=1).encode()
    _files.write(work / MANIFEST, hashlib.sha256(text).hexdigest().encode() + b"\n" + text)


def _sums(place: Path) -> dict[str, str]:
    """The sha-256 of every file of a checkpoint but the manifest."""
    found = sorted(path for path in place.rglob("*") if path.is_file())
    names = {path.relative_to(place).as_posix(): path for path in found}
    return {name: _files.checksum(path) for name, path in names.items() if name != MANIFEST}


def _verify(place: Path) -> dict[str, Any]:
    """The manifest, if every file is as it says."""
    path = place / MANIFEST
    try:
        head, _, text = path.read_bytes().partition(b"\n")
        if head != hashlib.sha256(text).hexdigest().encode():
            raise _DamageError(f"{path} is damaged: its own sha-256 is another")
        manifest = json.loads(text)
        found = _sums(place)
    except OSError as error:
        raise _DamageError(f"{error.filename or path} cannot be read ({error.strerror})") from None
    if manifest["format"] != FORMAT:
        raise CheckpointError(
            f"{place} must have format {FORMAT}, got {manifest['format']}; read it with the "
            "version of approxnet that wrote it"
        )
    files = manifest["files"]
    for name in sorted(files.keys() | found.keys()):
        if found.get(name) != files.get(name):
            raise _DamageError(
                f"{place / name} is damaged: its sha-256 must be {files.get(name, 'none')}, got "
                f"{found.get(name, 'no file')}"
            )
    return manifest


def _compare(place: Path, stored: dict[str, str], wanted: dict[str, str]) -> None:
    """CheckpointError with the leaves that differ."""
    differ = [
        f"{path}: must be {wanted.get(path, 'absent')}, got {stored.get(path, 'none')}"
        for path in sorted(stored.keys() | wanted.keys())
        if stored.get(path) != wanted.get(path)
    ]
    if differ:
        shown = "; ".join(differ[:8]) + (f"; and {len(differ) - 8} more" * (len(differ) > 8))
        raise CheckpointError(
            f"{place} is of another model, optimizer or precision: {shown}; build the model that "
            "the run was started with"
        )


def _remove(places: Iterable[Path]) -> None:
    for place in list(places):
        shutil.rmtree(place, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut."""
    with contextlib.suppress(OSError):  # not every file system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
