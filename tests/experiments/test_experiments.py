"""The experiments at toy size: they pass, they are drawn, and they can fail."""

import dataclasses

import numpy as np
import pytest

from approxnet import mapping, relu, reproduce
from approxnet.reproduce import catalog, page

TOYS = {
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
}


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
    assert len(result.figures) >= 2
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
