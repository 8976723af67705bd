"""Scores: every example exactly once, whatever the batch."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet.errors import DataError, NonFiniteError
from approxnet.training import State, evaluate

N, CLASSES = 23, 4
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, size=(N, 2, 3, 1), dtype=np.uint8)
LABELS = GENERATOR.integers(0, CLASSES, size=N)
PARAMS = GENERATOR.normal(size=(6, CLASSES)).astype("float32")


def apply(params, state, x, *, train=False, key=None):
    assert not train
    return x.reshape(len(x), -1) @ params, state


MODEL = (None, apply)


def state(params=PARAMS):
    return State(jnp.asarray(params), {}, (), jnp.int32(0), jax.random.key(0))


def points(images=IMAGES, labels=LABELS):
    return SimpleNamespace(images=images, labels=labels)


def expected():
    logits = IMAGES.reshape(N, -1) / 255 @ PARAMS.astype(float)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(N), LABELS]
    return losses.mean(), np.mean(logits.argmax(1) == LABELS)


@pytest.mark.parametrize("batch", [1, 7, N - 1, N, 512])
def test_the_scores_are_the_means_over_all_examples(batch):
    found = evaluate(MODEL, state(), points(), batch=batch)
    loss, accuracy = expected()
    assert found.loss == pytest.approx(loss, rel=1e-5)  # single precision
    assert (found.accuracy, found.n) == (accuracy, N)


def test_sets_of_one_size_need_one_trace():
    traces = []

    def counted(params, model_state, x, **options):
        traces.append(x.shape)
        return apply(params, model_state, x, **options)

    model = (None, counted)
    evaluate(model, state(), points(), batch=5)
    once = len(traces)
    evaluate(model, state(2 * PARAMS), points(IMAGES[::-1], LABELS[::-1]), batch=5)
    assert len(traces) == once


def test_logits_that_are_nan_are_not_the_class_zero():
    with pytest.raises(NonFiniteError, match=r"got nan at index \(0,\) \(23 of 23 entries\)"):
        evaluate(MODEL, state(PARAMS * np.nan), points())


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:0], LABELS[:0], "at least one example"),
        (IMAGES, LABELS[:-1], "one row per image"),
        (IMAGES, LABELS + 0.5, r"floating dtype must have shape \(n, \*"),
        (IMAGES, np.where(np.arange(N) == 3, -1, LABELS), r"at least 0, got -1 at index \(3,\)"),
        (IMAGES, np.where(np.arange(N) == 3, 4, LABELS), r"less than 4.*got 4 at index \(3,\)"),
        (np.where(IMAGES > 200, np.nan, IMAGES), LABELS, "images must be finite, got nan"),
        (IMAGES, np.stack([LABELS, LABELS], 1), r"labels must have shape"),
    ],
)
def test_examples_that_are_not_legal_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        evaluate(MODEL, state(), points(images, labels))
