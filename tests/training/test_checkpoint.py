"""Checkpoints: whole or not there, and never read when a single bit is wrong."""

import random
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet.errors import CheckpointError, CheckpointWarning
from approxnet.training import checkpoint
from tests.training.problem import same

TREE = {
    "weight": jnp.arange(12.0).reshape(3, 4) / 7,
    "half": jnp.ones(5, jnp.bfloat16),
    "step": jnp.int32(3),
    "keys": jax.random.split(jax.random.key(1), 2),
    "parts": (jnp.zeros(0), [jnp.uint8(200)]),
}
LATER = jax.tree.map(lambda x: x if checkpoint._is_key(x) else x + 1, TREE)


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints: `TREE` at step 3, `LATER` at step 5."""
    checkpoint.save(tmp_path, 3, TREE)
    checkpoint.save(tmp_path, 5, LATER)
    return tmp_path


def newest(folder):
    return folder / "step-00000005"


def files(folder):
    return sorted(path for path in newest(folder).rglob("*") if path.is_file())


def test_the_newest_checkpoint_comes_back_to_the_last_bit(folder):
    found = checkpoint.restore(folder, TREE)
    assert found.step == 5
    assert found.path == str(newest(folder))
    assert same(found.tree, LATER)
    assert jax.tree.structure(found.tree) == jax.tree.structure(TREE)


def test_shapes_are_enough_to_restore(folder):
    assert same(checkpoint.restore(folder, jax.eval_shape(lambda: TREE)).tree, LATER)


def test_a_checkpoint_of_the_same_step_is_replaced_and_the_oldest_go(folder):
    for step in (5, 6, 7):
        checkpoint.save(folder, step, TREE, keep=3)
    assert checkpoint.steps(folder) == [7, 6, 5]
    assert same(checkpoint.restore(folder, TREE).tree, TREE)
    assert {path.name[:5] for path in folder.iterdir()} == {"step-"}


def falls_back(folder):
    """Restore; whether the damage was reported and the checkpoint before it came back."""
    with pytest.warns(CheckpointWarning, match="is damaged|cannot be read") as caught:
        found = checkpoint.restore(folder, TREE)
    assert "step-00000005" in str(caught[0].message)
    return found.step == 3 and same(found.tree, TREE)


def flip_bits(folder, flips, seed):
    generator = random.Random(seed)
    for _ in range(flips):
        path = generator.choice([path for path in files(folder) if path.stat().st_size])
        content = bytearray(path.read_bytes())
        place = generator.randrange(8 * len(content))
        original = bytes(content)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        assert falls_back(folder), (path, place)
        path.write_bytes(original)
    assert checkpoint.restore(folder, TREE).step == 5


def test_no_flip_of_a_bit_is_accepted(folder):
    flip_bits(folder, 20, seed=0)


@pytest.mark.slow
def test_no_flip_of_a_bit_is_accepted_in_two_hundred(folder):
    flip_bits(folder, 200, seed=1)


@pytest.mark.parametrize("damage", ["truncate", "empty", "remove", "add"])
def test_every_file_that_is_damaged_is_noticed(folder, damage):
    for path in files(folder):
        content = path.read_bytes()
        if damage == "remove":
            path.unlink()
        elif damage == "add":
            path = path.with_name("stranger")
            path.touch()
        elif content:
            path.write_bytes(content[: len(content) // 2 if damage == "truncate" else 0])
        else:
            continue
        assert falls_back(folder), path
        path.unlink(missing_ok=True) if damage == "add" else path.write_bytes(content)


def test_without_an_undamaged_checkpoint_every_damage_is_named(folder):
    for place in folder.iterdir():
        (place / "manifest").write_text("nonsense")
    with (
        pytest.warns(CheckpointWarning, match="sha-256 is another"),
        pytest.raises(CheckpointError) as caught,
    ):
        checkpoint.restore(folder, TREE)
    assert "step-00000003" in str(caught.value)
    assert "step-00000005" in str(caught.value)


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="undamaged checkpoint, got none at all"):
        checkpoint.restore(tmp_path, TREE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"weight": jnp.zeros((3, 5))},
            r"\['weight'\]: must be float32\[3, 5\], got float32\[3, 4",
        ),
        ({"half": jnp.ones(5)}, r"\['half'\]: must be float32\[5\], got bfloat16\[5\]"),
        ({"bias": jnp.ones(2)}, r"\['bias'\]: must be float32\[2\], got none"),
        ({"step": None}, r"\['step'\]: must be absent, got int32\[\]"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_with_the_difference(folder, change, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.restore(folder, TREE | change)


def test_a_checkpoint_of_another_format_is_refused(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    with pytest.raises(CheckpointError, match="must have format 2, got 1"):
        checkpoint.restore(folder, TREE)


@pytest.mark.parametrize("part", ["_write_arrays", "_write_manifest"])
def test_a_full_disk_leaves_the_earlier_checkpoints(folder, monkeypatch, part):
    write = getattr(checkpoint, part)

    def full(path, *arguments):
        write(path, *arguments)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, part, full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        checkpoint.save(folder, 5, TREE)
    assert checkpoint.steps(folder) == [5, 3]
    assert same(checkpoint.restore(folder, TREE).tree, LATER)
    assert {path.name[:5] for path in folder.iterdir()} == {"step-"}


def test_what_a_killed_process_has_left_is_not_read_and_goes(folder):
    left = folder / ".unfinished-step-00000009"
    newest(folder).rename(left)
    assert checkpoint.restore(folder, TREE).step == 3
    checkpoint.save(folder, 4, TREE)
    assert not left.exists()


@pytest.mark.parametrize(("step", "keep"), [(-1, 3), (1.5, 3), (1, 0)])
def test_step_and_keep_are_counts(tmp_path, step, keep):
    with pytest.raises(ValueError, match="must be an integer >="):
        checkpoint.save(tmp_path, step, TREE, keep=keep)
    assert list(Path(tmp_path).iterdir()) == []


def test_the_manifest_describes_every_leaf(folder):
    manifest = checkpoint._verify(newest(folder))
    assert manifest["leaves"]["['weight']"] == "float32[3, 4]"
    assert len(manifest["leaves"]) == len(jax.tree.leaves(TREE))
    assert np.all([len(digest) == 64 for digest in manifest["files"].values()])
