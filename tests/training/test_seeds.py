"""Several seeds at once are the runs one by one."""

import dataclasses

import jax
import numpy as np
import pytest

from approxnet import models
from approxnet.errors import ConfigError
from approxnet.training import DivergedError, fit, fit_seeds, loop
from tests.training import problem
from tests.training.problem import CONFIG, MODEL, points, same
from tests.training.test_loop import explosive


def run(**options):
    return fit_seeds(MODEL, points(), CONFIG, augment=problem.augment, seeds=3, **options)


@pytest.mark.parametrize("over", ["vmap", "map"])
def test_each_seed_is_the_run_by_itself(over):
    results = run(over=over, test=points(20, seed=1))
    for i, result in enumerate(results):
        config = dataclasses.replace(CONFIG, seed=CONFIG.seed + i)
        alone = fit(MODEL, points(), config, augment=problem.augment, test=points(20, seed=1))
        pairs = zip(
            jax.tree.leaves(result.state.params), jax.tree.leaves(alone.state.params), strict=True
        )
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)  # other fusions
        for found, expected in zip(result.history, alone.history, strict=True):
            numbers = (2, 3, 4, 5)  # loss, accuracy, and those of the test set
            np.testing.assert_allclose(
                [found[j] for j in numbers], [expected[j] for j in numbers], rtol=1e-4
            )


def test_several_seeds_are_resumed_to_the_last_bit(tmp_path, monkeypatch):
    whole = run()
    save = loop.RunFolder.save

    def stop_after_the_first(self, progress, step, history):
        save(self, progress, step, history)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.RunFolder, "save", stop_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        run(run_dir=tmp_path)
    monkeypatch.setattr(loop.RunFolder, "save", save)
    resumed = run(run_dir=tmp_path, resume=True)
    assert all(same(a.state, b.state) for a, b in zip(resumed, whole, strict=True))
    assert [[e.loss for e in r.history] for r in resumed] == [
        [e.loss for e in r.history] for r in whole
    ]


def test_a_seed_that_diverges_is_named():
    with pytest.raises(DivergedError, match="after step 3 of run 0 in") as caught:
        run(optimizer=explosive(2))
    assert caught.value.result.state.step.tolist() == [2, 2, 2]


@pytest.mark.parametrize(("model", "way"), [("mlp", "vmap"), ("lenet5", "map")])
def test_on_a_cpu_models_that_convolve_are_done_in_turn(model, way, monkeypatch):
    chosen = []

    def stop(task, *others):
        chosen.append(task.plan.over)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "carry_out", stop)
    images = np.zeros((128, 28, 28, 1), np.uint8)
    data = type(points())(images=images, labels=np.zeros(128, int))
    with pytest.raises(KeyboardInterrupt):
        fit_seeds(models.functional(models.MODELS[model]()), data, CONFIG, seeds=2)
    assert chosen == [way]


def test_the_number_of_seeds_and_the_way_are_checked():
    with pytest.raises(ValueError, match="seeds must be an integer >= 1, got 0"):
        fit_seeds(MODEL, points(), CONFIG, seeds=0)
    with pytest.raises(ConfigError, match="did you mean 'vmap'"):
        fit_seeds(MODEL, points(), CONFIG, seeds=2, over="vmpa")
