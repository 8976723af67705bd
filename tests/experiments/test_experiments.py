"""The experiments at toy size: they pass, they are drawn, and they can fail."""

import dataclasses
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import data, fem, mapping, models, multigrid, relu, reproduce
from approxnet.approximation import polynomials, splines, targets, universal
from approxnet.errors import OfflineError
from approxnet.reproduce import catalog, page

TOYS = {
    "siegel_2023_table3": {"sizes": (4, 8), "epochs": 200, "runs": 2, "cells": 32},
    "siegel_2023_table4": {"runs": 2},
    "mueller_zeinhofer_2023_poisson": {"seeds": 1, "steps": 3, "neurons": (8,), "features": (32,)},
    "shallow_solvers_compared": {"sizes": (4,), "epochs": 50, "cells": 64, "steps": 3},
    "photograph": {"nodes": (100,), "step": 6},
    "he_li_xu_zheng_2020_representation": {
        "line": (30,),
        "plane": (100,),
        "work": 10**6,
        "points": 500,
    },
    "he_li_xu_zheng_2020_galerkin": {"intervals": (16,), "steps": 150, "shown": 16},
    "l_shape": {"cells": 40, "steps": 150, "reference": 2000},
    "one_hidden_layer_is_not_enough": {
        "neurons": (12, 40),
        "grid": 20,
        "lines": 5,
        "samples": 40,
    },
    "linear_regions_of_networks": {
        "neurons": ((8, 16), (8, 16), (12,)),
        "nets": 3,
        "depths": (1, 2),
        "levels": 4,
        "steps": (0, 300, 1000),
    },
    "three_dimensions": {"nodes": (40,), "compared": 20, "grids": ("random",), "points": 200},
    "exact_energy": {
        "widths": (8,),
        "nets": 4,
        "points": (4, 8, 16, 32),
        "steps": (0, 100, 2000),
    },
    "multigrid_rates": {"seed": 1},
    "mgnet_is_multigrid": {"sides": (15,), "channels": 3},
    "he_xu_2019_table2": {"epochs": 8},
    "he_2021_table3": {"epochs": 8},
    "course_final_project": {"grids": (4, 5)},
    "yarotsky_square": {"levels": (1, 4), "degrees": (1, 3)},
    "depth_of_the_maximum": {"numbers": (4, 5, 6), "points": 200},
    "hierarchical_basis": {"line": 4, "plane": 2},
    "mgno_darcy": {
        "n": 15,
        "train": 128,
        "test": 32,
        "epochs": 16,
        "mgno": (6, 2, 3),
        "fno": (8, 4, 2, 16),
    },
    "spectral_bias": {"sizes": (8, 16), "neurons": 64, "waves": (1, 8), "steps": 500},
    "runge_and_weierstrass": {"degrees": (4, 16), "means": (4, 16), "best": (4, 8), "sums": (2, 8)},
    "course_greedy_homework": {"neurons": 64, "equation": 32, "compared": 16, "steps": 1000},
    "siegel_2023_table1": {"sizes": (32, 64), "cells": 2048},
    "siegel_2023_table2": {"sizes": (16, 32), "cells": 1024},
    "siegel_2023_table5": {"sizes": (32, 64), "cells": 2048},
    "siegel_2023_table7": {"sizes": (16, 32)},
    "siegel_2023_table8": {"sizes": (32, 64), "cells": 30},
    "siegel_2023_table10": {"sizes": (16, 32), "cells": 16},
    "siegel_2023_table11": {"sizes": (16, 32)},
    "universal_approximation": {"activations": ("tanh",), "degrees": (2,), "degree": 2},
    "rates_lab": {
        "targets": ("power", "takagi"),
        "cells": (8, 16, 32),
        "free": (4, 8),
        "degrees": (4, 8),
        "levels": (1, 3),
    },
    "linear_classifiers": {"seed": 1},
    "max_margin_limit": {"decades": 13},
    "decision_regions": {"n": 100, "pixels": 30},
    "rnn_on_rows": {"hidden": 48},
    "descent_theorems": {"dimension": 5, "steps": 40, "convex_steps": 20},
    "nearly_singular_homework": {"between": 1},
    "sparse_training": {"starts": 2},
    "sgd_noise_ball": {"fractions": (0.25, 0.5), "steps": 300, "seeds": 128},
    "course_assignments": {"seeds": 2, "learners": ("least squares", "logistic regression", "MLP")},
}


pytestmark = pytest.mark.slow  # CI runs every experiment at smoke scale besides


def toy(name, **changes):
    experiment = reproduce.find(name)
    return experiment, dataclasses.replace(experiment.scales["smoke"], **TOYS[name], **changes)


def test_every_experiment_has_a_toy():
    assert set(TOYS) == set(catalog.names())


@pytest.mark.parametrize("name", TOYS)
def test_at_toy_size_every_check_holds_and_every_figure_is_drawn(name, tmp_path):
    experiment, config = toy(name)
    result = reproduce.run(experiment, config, out=tmp_path)
    assert result.runs[0].error == ""
    assert [check for check in result.runs[0].checks if not check.passed] == []
    assert len(result.figures) >= (1 if name == "rates_lab" else 2)
    for figure in result.figures:
        assert (tmp_path / name / figure.file).stat().st_size > 1000
    assert (tmp_path / name / "results.json").stat().st_size < 50_000
    assert "within tolerance" in reproduce.report(tmp_path).read_text()


def test_a_weight_wrong_by_a_millionth_turns_the_report_red(tmp_path):
    experiment, config = toy("photograph", perturbation=1e-6)
    result = reproduce.run(experiment, config, out=tmp_path)
    assert result.verdict == "outside"
    text = reproduce.report(tmp_path).read_text()
    assert page.verdict(page.load(tmp_path)) == "outside"
    assert '<div class="alarm"><p>100 nodes: |network - interpolant| at every pixel' in text


def test_a_kernel_that_is_wrong_by_a_millionth_turns_the_report_red(monkeypatch):
    experiment, config = toy("mgnet_is_multigrid")
    honest = models.mgnet_from_hierarchy

    def perturbed(*given, **options):
        model, params = honest(*given, **options)
        return model, params | {"A_2": params["A_2"] * (1 + 1e-6)}

    monkeypatch.setattr(models, "mgnet_from_hierarchy", perturbed)
    run = reproduce.run(experiment, config).runs[0]
    failed = [check.claim for check in run.checks if not check.passed]
    assert "MgNet, Pi zero, is the V cycle, n = 15: difference" in failed


def test_a_wrong_size_turns_the_report_red(monkeypatch):
    experiment, config = toy("he_li_xu_zheng_2020_representation")
    honest = mapping.size
    monkeypatch.setattr(
        mapping, "size", lambda *a, **k: honest(*a, **k)._replace(n_neurons=1), raising=True
    )
    assert reproduce.run(experiment, config).verdict == "outside"


def test_a_network_that_is_not_trained_turns_the_report_red():
    experiment, config = toy("he_li_xu_zheng_2020_galerkin")
    result = reproduce.run(experiment, dataclasses.replace(config, steps=1))
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "x^(2/3) - x, n = 16: n |u - v|_1 / C" in red


def test_kinks_that_do_not_move_turn_the_report_red():
    experiment, config = toy("l_shape")
    result = reproduce.run(experiment, dataclasses.replace(config, steps=0))
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "(E(trained) - E(u)) / (E(start) - E(u))" in red


def test_one_hidden_layer_in_the_place_of_the_hat_turns_the_report_red(monkeypatch):
    experiment, config = toy("one_hidden_layer_is_not_enough")
    lines = [[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]
    shallow = relu.from_layers([(lines, np.zeros(3)), ([[1.0, 1.0, 1.0]], np.zeros(1))])
    monkeypatch.setattr(mapping, "fem_to_relu", lambda mesh, values: shallow)
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "the hat: largest jump on the same lines outside" in red
    assert "the hat in two hidden layers: error" in red


def test_a_square_of_one_level_less_turns_the_report_red(monkeypatch):
    experiment, config = toy("yarotsky_square")
    honest = relu.square
    monkeypatch.setattr(relu, "square", lambda m: honest(max(1, m - 1)))
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "m = 4: |largest error of x^2 - 2^(-2m-2)|" in red
    assert "m = 4: |30 2^(4m) integral - 1|" in red


def test_a_tree_in_the_place_of_the_shallow_form_turns_the_report_red(monkeypatch):
    experiment, config = toy("depth_of_the_maximum")
    honest = relu.maximum
    monkeypatch.setattr(relu, "maximum", lambda n, prefer: honest(n))
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert red == ["5 numbers, depth: hidden layers", "6 numbers, depth: hidden layers"]


def test_a_sawtooth_of_the_level_before_turns_the_report_red(monkeypatch):
    experiment, config = toy("hierarchical_basis")
    honest = relu.sawtooth
    monkeypatch.setattr(relu, "sawtooth", lambda m: honest(max(1, m - 1)))
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "x y, level 1: part off the sawteeth" in red


def red(experiment, config):
    return [c.claim for c in reproduce.run(experiment, config).runs[0].checks if not c.passed]


def test_a_hat_that_is_a_relu_turns_the_report_red(monkeypatch):
    experiment, config = toy("spectral_bias")
    honest = mapping.condition_number
    monkeypatch.setattr(mapping, "condition_number", lambda n, **_: honest(n))
    assert "hat, L2, n = 16: condition number over its upper bound" in red(experiment, config)


def test_points_that_are_equispaced_turn_the_report_red(monkeypatch):
    experiment, config = toy("runge_and_weierstrass")

    def equispaced(f, n):
        x = np.linspace(-1, 1, n + 1)[:, None]
        return polynomials.barycentric(x, f(x))

    monkeypatch.setattr(polynomials, "interpolate", equispaced)
    assert "degree 16, Chebyshev: error" in red(experiment, config)


def test_a_difference_that_is_not_centred_turns_the_report_red(monkeypatch):
    experiment, config = toy("universal_approximation")
    honest = universal.monomial

    def shifted(*given, **options):
        found = honest(*given, **options)
        (hidden, out), names = found.network.layers, found.network.activations
        weight = hidden.dense() + found.step / 2
        moved = relu.from_layers(
            [(weight, hidden.bias_vector()), (out.dense(), out.bias_vector())], names
        )
        return found._replace(network=moved)

    monkeypatch.setattr(universal, "monomial", shifted)
    assert "tanh, x^2: largest error / bound" in red(experiment, config)


def test_a_tooth_too_few_and_a_lost_knot_turn_the_report_red(monkeypatch):
    experiment, config = toy("rates_lab")
    series, fit = relu.sawtooth_series, splines.fit_free_knots
    monkeypatch.setattr(relu, "sawtooth_series", lambda c: series(c[:-1] if len(c) > 1 else c))
    monkeypatch.setattr(splines, "fit_free_knots", lambda f, n, **k: fit(f, n // 2, **k))
    assert {
        "takagi, deep ReLU network: |error / line - 1|",
        "power, free-knot P1: error over the optimum",
    } <= set(red(experiment, config))


def test_a_target_of_ones_own_gets_its_figure(tmp_path):
    """The example in the head of the rates lab."""
    experiment, config = toy("rates_lab")
    mine = targets.Target(
        "my bump", lambda x: jnp.exp(-9 * x[..., 0] ** 2), (-1.0,), (1.0,), frozenset(), {}
    )
    targets.register(mine)
    try:
        config = dataclasses.replace(config, targets=("my bump",), fitted=())
        result = reproduce.run(experiment, config, out=tmp_path)
    finally:
        del targets.CATALOG["my bump"]
    assert result.verdict == "pass"
    (figure,) = result.figures
    assert figure.caption.startswith("my bump")


def test_an_unknown_target_is_named():
    experiment, config = toy("rates_lab")
    config = dataclasses.replace(config, targets=("my bumb",))
    assert "register it" in reproduce.run(experiment, config).runs[0].error


def test_regions_that_are_counted_twice_turn_the_report_red(monkeypatch):
    experiment, config = toy("linear_regions_of_networks")
    honest = relu.count_regions
    monkeypatch.setattr(relu, "count_regions", lambda *a: 2 * honest(*a))
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "folds, shape (2, 4, 4, 1): |regions - 44|" in red
    assert "d = 1, one hidden layer: |mean - (1 + p n)| in standard deviations" in red


def test_an_energy_wrong_by_a_billionth_turns_the_report_red(monkeypatch):
    experiment, config = toy("exact_energy")
    honest = relu.norm_h1
    monkeypatch.setattr(relu, "norm_h1", lambda *a: honest(*a) * (1 + 1e-9))
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert "width 8: |exact - rule on the regions| over rounding" in red
    assert "all weights, exact: |E(v) - E(u) - |v' - u'|^2 / 2| over rounding" in red


def test_a_map_with_too_many_neurons_turns_the_report_red(monkeypatch):
    experiment, config = toy("three_dimensions")
    honest = mapping.fem_to_relu
    monkeypatch.setattr(
        mapping,
        "fem_to_relu",
        lambda *a, **k: relu.linear_combination([0.5] * 2, [honest(*a, **k)] * 2),
    )
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert any("random data, zero, maxima: neurons per tetrahedron" in claim for claim in red)


def test_operators_that_are_hardly_trained_turn_the_report_red():
    experiment, config = toy("mgno_darcy")
    config = dataclasses.replace(config, epochs=1, mgno=(1, 1, 1), fno=(1, 1, 1, 1))
    result = reproduce.run(experiment, config)
    red = [check.claim for check in result.runs[0].checks if not check.passed]
    assert len(red) == 4 and all("over the best without learning" in claim for claim in red)


def test_the_problems_of_the_operators_are_solved_as_by_finite_elements(x64):
    experiment, config = toy("mgno_darcy")
    config = dataclasses.replace(config, train=2, test=1)
    module = sys.modules[experiment.run.__module__]
    coefficients, solutions, _ = module.problems(config)
    assert set(np.unique(coefficients)) == {3.0, 12.0}
    mesh = fem.box((config.n + 1, config.n + 1))
    centres = mesh.nodes[mesh.cells].mean(1)
    place = tuple((centres * (config.n + 1)).astype(int).T)
    inner = np.rint(mesh.nodes * (config.n + 1)).astype(int).T - 1
    kept = ((inner >= 0) & (inner < config.n)).all(0)
    for a, u in zip(coefficients, solutions, strict=True):
        expected = fem.solve_poisson(mesh, lambda x: 1 + 0 * x[..., 0], coefficient=a[place])
        np.testing.assert_allclose(u[tuple(inner[:, kept])], expected[kept], rtol=1e-5)


def test_the_error_of_the_operators_is_that_in_H1(x64):
    """|sin pi x sin 2 pi y|^2 = 1/4 (1 + 5 pi^2), up to h^2."""
    experiment, _ = toy("mgno_darcy")
    module = sys.modules[experiment.run.__module__]
    x = multigrid.nodes((127, 127))
    v = np.sin(np.pi * x[..., 0]) * np.sin(2 * np.pi * x[..., 1])
    size = module.norm_h1(jnp.asarray(np.stack([v, 2 * v])[..., None]))
    exact = np.sqrt((1 + 5 * np.pi**2) / 4)
    np.testing.assert_allclose(size, [exact, 2 * exact], rtol=(2 * np.pi / 128) ** 2)
    v, u = jnp.asarray(3 * v[None, ..., None]), jnp.asarray(v[None, ..., None])
    np.testing.assert_allclose(module.relative_h1(v, u), [2.0], rtol=1e-12)


def course(**changes):
    experiment = reproduce.find("course_assignments")
    return experiment, dataclasses.replace(experiment.scales["smoke"], **changes)


def offline(monkeypatch, *missing):
    honest = data.load

    def load(name, split):
        if name in missing:
            raise OfflineError(f"{name} is not there; run approxnet data fetch {name}")
        return honest(name, split)

    monkeypatch.setattr(data, "load", load)


def test_a_set_that_is_not_at_hand_is_named_in_the_table_with_the_remedy(monkeypatch):
    offline(monkeypatch, "mnist")
    experiment, config = course(sets=("mnist", "digits"), learners=("least squares",))
    result = reproduce.run(experiment, config)
    sets, *learned = result.runs[0].tables
    assert sets.rows[0][:2] == (
        "mnist",
        "not at hand: mnist is not there; run approxnet data fetch mnist",
    )
    assert sets.rows[1] == ("digits", "at hand", 1437, 360, "8 x 8 x 1")
    assert [table.title for table in learned] == ["digits: after the last epoch"]


def test_the_full_scale_without_its_set_fails_with_the_remedy(monkeypatch):
    offline(monkeypatch, "fashion_mnist")
    result = reproduce.run("course_assignments", scale="full")
    assert result.verdict == "incomplete"
    assert result.runs[0].error == (
        "OfflineError: fashion_mnist is not there; run approxnet data fetch fashion_mnist"
    )


def test_wrong_labels_turn_the_report_red(monkeypatch):
    honest = data.load

    def load(name, split):
        found = honest(name, split)
        return found._replace(labels=np.roll(found.labels, 1 if split == "test" else 0))

    monkeypatch.setattr(data, "load", load)
    learners = ("least squares", "logistic regression")
    experiment, config = course(learners=learners, seeds=1)
    red = [c.claim for c in reproduce.run(experiment, config).runs[0].checks if not c.passed]
    assert red == [f"digits, {learner}: mean test accuracy" for learner in learners]


def test_the_recipes_of_the_course_fit_images_of_cifar(monkeypatch):
    """On random images every network trains, and no mark is met."""
    rng = np.random.default_rng(0)

    def load(name, split):
        images = rng.integers(0, 256, (130, 32, 32, 3), np.uint8)
        return data.from_arrays(images, rng.integers(0, 10, 130), tuple("0123456789"))

    monkeypatch.setattr(data, "load", load)
    (run,) = reproduce.run(*course(sets=("cifar10",), epochs=1, seeds=1)).runs
    assert run.error == ""
    parameters = [row[1] for row in run.tables[1].rows]
    assert parameters == [30_730, 30_730, 3073 * 3072 + 3073 * 500 + 501 * 10, 62_006, 520_394]
    red = [check.claim for check in run.checks if not check.passed]
    assert "cifar10, least squares: |test accuracy - 0.3286|" in red
    assert len(red) == len(run.checks) == 5
