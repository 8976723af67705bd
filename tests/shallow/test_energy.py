"""Energies by samples: the form, its residual, and what each equation asks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from approxnet import quadrature, shallow
from approxnet.errors import AssumptionError, NonFiniteError
from approxnet.shallow import elliptic, samples
from approxnet.shallow import energy as forms

RULE = quadrature.box((5, 4), 3, (-1.0, 0.0), (1.0, 2.0))
EDGE = elliptic.box_boundary((5, 4), 3, (-1.0, 0.0), (1.0, 2.0))


def f(x):
    return jnp.exp(x[..., 0]) * jnp.cos(x[..., 1])


def a(x):
    return 1 + x[..., 0] ** 2 + x[..., 1]


def omega(x):
    return (1 - x[..., 0] ** 2) * x[..., 1]


diffusion = elliptic.diffusion(f, RULE, coefficient=a, reaction=2.0, flux=f, boundary=EDGE)
ENERGIES = {
    "l2": forms.l2(f, RULE),
    "diffusion": diffusion,
    "penalty": diffusion + elliptic.penalty(f, EDGE, 0.1),
    "nitsche": diffusion + elliptic.nitsche(f, EDGE, 30.0, coefficient=a),
    "vanishing": elliptic.vanishing(diffusion, omega),
    "biharmonic": elliptic.biharmonic(f, RULE, reaction=3.0),
    "bent": elliptic.vanishing(elliptic.biharmonic(f, RULE, reaction=3.0), omega),
    "least squares": elliptic.least_squares(f, RULE, coefficient=a, flux=f, boundary=EDGE),
    "poisson boltzmann": elliptic.poisson_boltzmann(f, RULE, k=1.5),
}


def tanh_network(seed=0, n=4, activation="tanh"):
    rng = np.random.default_rng(seed)
    return shallow.from_arrays(
        rng.normal(size=(n, 2)), rng.normal(size=n), rng.normal(size=n), activation
    )


def directly(name, v):
    """E(v) for a smooth function v of one point, written down from the equation."""
    x, w = jnp.asarray(RULE.points), RULE.weights
    xb, wb, normal = EDGE
    factor = omega if name in ("vanishing", "bent") else lambda p: 1.0

    def u(p):
        return factor(p) * v(p)

    at, grad, hess = (jax.vmap(g) for g in (u, jax.grad(u), jax.hessian(u)))
    if name == "l2":
        return w @ ((at(x) - f(x)) ** 2 - f(x) ** 2) / 2
    if name in ("biharmonic", "bent"):
        return w @ ((hess(x) ** 2).sum((1, 2)) + 3 * at(x) ** 2 - 2 * f(x) * at(x)) / 2
    if name == "poisson boltzmann":
        return w @ ((grad(x) ** 2).sum(1) / 2 + 2.25 * jnp.cosh(at(x)) - f(x) * at(x))
    slope = (grad(jnp.asarray(xb)) * normal).sum(1)
    if name == "least squares":
        r, edge = -a(x) * jnp.trace(hess(x), axis1=1, axis2=2) + at(x), slope
        return (w @ (r**2 - 2 * r * f(x)) + wb @ (edge**2 - 2 * edge * f(xb))) / 2
    e = w @ (a(x) * (grad(x) ** 2).sum(1) / 2 + at(x) ** 2 - f(x) * at(x)) - wb @ (f(xb) * at(xb))
    if name == "penalty":
        e = e + wb @ ((at(xb) - f(xb)) ** 2 - f(xb) ** 2) / 0.2
    if name == "nitsche":
        e = e - wb @ (a(xb) * slope * (at(xb) - f(xb)))
        e = e + 15 * wb @ ((at(xb) - f(xb)) ** 2 - f(xb) ** 2)
    return e


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ENERGIES)
def test_the_energy_is_the_one_of_the_equation(name, x64):
    energy, net = forms.cast(ENERGIES[name], float), forms.cast(tanh_network(), float)
    found = forms.value(energy, samples.sample(energy, net))

    def v(p):
        return net.coefficients @ jnp.tanh(net.directions @ p + net.offsets)

    np.testing.assert_allclose(found, directly(name, v), rtol=1e-12)


@pytest.mark.parametrize("name", ENERGIES)
def test_the_residual_is_minus_the_derivative_of_the_energy(name, x64):
    energy, net = forms.cast(ENERGIES[name], float), forms.cast(tanh_network(), float)
    phi = samples.sample(energy, net)
    slope = jax.grad(lambda p: forms.value(energy, p))(phi)
    np.testing.assert_allclose(forms.residual(energy, phi), -slope, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", ["tanh", "relu2"])
def test_the_pairing_with_an_atom_is_that_of_its_samples(activation, x64):
    energy = forms.cast(ENERGIES["nitsche"], float)
    net = forms.cast(tanh_network(1, activation=activation), float)
    r = forms.residual(energy, samples.sample(energy, net))
    atoms = samples.sample_atoms(energy, activation, net.directions, net.offsets)
    total = jnp.einsum("n,nqm->qm", net.coefficients, atoms)
    np.testing.assert_allclose(total, samples.sample(energy, net), rtol=1e-11, atol=1e-12)
    found = samples.pairing(
        samples.distribution(energy, r), energy.points, activation, net.directions, net.offsets
    )
    np.testing.assert_allclose(found, (atoms * r[None]).sum((1, 2)), rtol=1e-10, atol=1e-11)


def test_the_error_of_squares_is_the_norm_of_what_is_left(x64):
    energy, net = forms.cast(ENERGIES["l2"], float), tanh_network()
    left = np.asarray(shallow.evaluate(net, RULE.points)) - np.asarray(f(RULE.points))
    found = forms.error(energy, samples.sample(energy, forms.cast(net, float)))
    np.testing.assert_allclose(found, np.sqrt(RULE.weights @ left**2), rtol=1e-12)


def test_the_parts_of_a_boundary_lie_on_it_with_outer_normals():
    middle = np.array([0.0, 1.0])
    assert ((EDGE.points - middle) * EDGE.normals).sum(1) == pytest.approx(1.0)
    assert EDGE.weights.sum() == pytest.approx(8.0)
    assert (EDGE.weights[:, None] * EDGE.normals).sum(0) == pytest.approx(0.0, abs=1e-14)


def test_an_activation_without_the_derivative_is_refused():
    energy = forms.cast(ENERGIES["biharmonic"], jnp.float32)
    with pytest.raises(AssumptionError, match="2 derivatives in L2 for this energy, got 'relu'"):
        samples.sample(energy, forms.cast(tanh_network(activation="relu"), jnp.float32))


def test_data_that_cannot_be_used_are_named():
    with pytest.raises(NonFiniteError, match=r"target must be finite, got nan at the point"):
        forms.l2(lambda x: jnp.where(x[..., 0] > 0, jnp.nan, 1.0), RULE)
    with pytest.raises(ValueError, match=r"coefficient must be positive, got -1.0 at the point"):
        elliptic.diffusion(f, RULE, coefficient=-1.0)
    with pytest.raises(ValueError, match="boundary must be given for a flux"):
        elliptic.diffusion(f, RULE, flux=1.0)
    with pytest.raises(ValueError, match=r"delta must be a positive number, got 0"):
        elliptic.penalty(0.0, EDGE, 0)
    with pytest.raises(ValueError, match="one dimension, got 2 and 1"):
        diffusion + elliptic.penalty(0.0, elliptic.box_boundary(1, 1), 0.1)
    with pytest.raises(ValueError, match=r"rule must have points \(q, d\)"):
        forms.l2(f, quadrature.Rule(RULE.points, RULE.weights[:3]))
