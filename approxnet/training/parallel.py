"""One run on many devices: the batch is divided, everything else is everywhere.

Parameters and examples lie on every device, and each device takes its part of every batch. The
sums over the batch (loss, gradient, the statistics of batch normalisation) are sums over all
devices, which JAX's compiler puts in where it meets the sharding of the batch; the step itself does
not know. A run on n devices is the run on one but for the order of these sums.

Several processes, each with its own devices, are one mesh as well. ``launch`` finds the others on
TPU pods, SLURM, GKE and Open MPI by ``jax.distributed``.
"""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from approxnet import _checks
from approxnet.errors import ConfigError

AXIS = "data"
_CLUSTER = {  # a variable that tells how many processes there are, or names them
    "SLURM_NTASKS": lambda value: int(value) > 1,
    "OMPI_COMM_WORLD_SIZE": lambda value: int(value) > 1,
    "TPU_WORKER_HOSTNAMES": lambda value: "," in value,
    "JAX_COORDINATOR_ADDRESS": bool,
}


def launch(
    devices: int | None = None,
    *,
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    patience: int = 100,
) -> Mesh:
    """The devices of this process and of those that it finds, as a mesh for `fit`.

    Call it before anything else is computed with JAX: only then can it find other processes, and
    make several devices of one CPU.

    Args:
      devices: how many to use, of all processes together; None for all. On a CPU that many are
        simulated.
      coordinator: ``"host:port"`` of process 0, where no cluster is found by itself.
      processes: how many there are, with ``coordinator``.
      process: the number of this one, with ``coordinator``.
      patience: seconds after which the processes take one that is silent for dead and end.

    Returns:
      A mesh with the one axis ``data``.

    Raises:
      ConfigError: if there are fewer devices than asked for.

    Example:
      >>> launch().axis_names
      ('data',)
    """
    if coordinator is not None or _in_cluster():
        jax.distributed.initialize(
            coordinator, processes, process, heartbeat_timeout_seconds=patience
        )
    elif devices is not None:
        _simulate(_checks.count("devices", devices, at_least=1))
    found = jax.devices()
    if devices is not None and devices > len(found):
        raise ConfigError(
            f"devices must be at most {len(found)}, those that JAX has found, got {devices}; "
            f"before JAX starts, XLA_FLAGS=--xla_force_host_platform_device_count={devices} makes "
            "as many of a CPU"
        )
    chosen = found[:devices]
    return jax.make_mesh((len(chosen),), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen)


def check_divides(batch: int, mesh: Mesh) -> None:
    """ConfigError unless the batch can be divided among the devices; suggests one that can.

    Example:
      >>> check_divides(128, launch())
    """
    n = mesh.size
    if batch % n:
        below, above = batch // n * n, -(-batch // n) * n
        near = " or ".join(str(size) for size in (below, above) if size)
        raise ConfigError(
            f"batch must be a multiple of the {n} devices, got {batch}; take {near}, or use "
            "another number of devices"
        )


def everywhere(mesh: Mesh, tree: Any) -> Any:
    """The tree on every device of the mesh.

    Example:
      >>> everywhere(launch(), jax.numpy.ones(3)).is_fully_replicated
      True
    """
    return jax.jit(lambda leaves: leaves, out_shardings=NamedSharding(mesh, PartitionSpec()))(tree)


def divided(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch.

    Example:
      >>> divided(launch()).spec[0]
      'data'
    """
    return NamedSharding(mesh, PartitionSpec(AXIS))


def is_first() -> bool:
    """Whether this is process 0, the one that writes.

    Example:
      >>> is_first()
      True
    """
    return jax.process_index() == 0


def meet(place: str) -> None:
    """Wait until every process has come here.

    Example:
      >>> meet("the end")
    """
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(place)


def greatest(*numbers: int) -> tuple[int, ...]:
    """The greatest of each number over all processes, so that all of them do the same.

    Example:
      >>> greatest(3, 0)
      (3, 0)
    """
    if jax.process_count() == 1:
        return numbers
    return tuple(multihost_utils.process_allgather(np.array(numbers)).max(0).tolist())


def _in_cluster() -> bool:
    return any(tells(os.environ[name]) for name, tells in _CLUSTER.items() if os.environ.get(name))


def _simulate(devices: int) -> None:
    """Make several devices of the CPU, if JAX has not started and nobody else has asked for it."""
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        try:
            jax.config.update("jax_num_cpu_devices", devices)
        except RuntimeError:  # JAX has started: what it has found is what there is
            return
