"""One run on many devices: the batch is divided, everything else is everywhere.

Parameters and examples lie on every device, and each device takes its part of every batch. The
sums over the batch (loss, gradient, the statistics of batch normalisation) are sums over all
devices, which JAX's compiler puts in where it meets the sharding of the batch; the step itself does
not know. A run on n devices is the run on one but for the order of these sums.

Several processes, each with its own devices, are one mesh as well. ``launch`` finds the others on
TPU pods, SLURM, GKE and Open MPI by ``jax.distributed``, and elsewhere by the address of the first.
All of them read and write one run folder, on a file system that they share.
"""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

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
      devices: how many to use, of all processes together and as many of each; None for all. Where
        JAX has only a CPU, that many are simulated.
      coordinator: ``"HOST:PORT"``, an address of process 0 that all processes reach, where no
        cluster is found by itself; with ``processes`` and ``process``.
      processes: how many there are.
      process: the number of this one, from 0.
      patience: seconds that the processes wait for each other when they begin and when they end,
        and after which they take one that is silent for dead, and end with a message.

    Returns:
      A mesh with the one axis ``data``.

    Raises:
      ConfigError: if the arguments do not fit together, if there are fewer devices than asked for
        or none of the platform asked for, or if the other processes cannot be reached.

    Example:
      >>> launch().axis_names
      ('data',)
    """
    _check_places(coordinator, processes, process)
    if devices is not None:
        _check_number("devices", devices, 1)
        _simulate(devices // (processes or 1))
    if coordinator is not None or _in_cluster():
        _connect(coordinator, processes, process, patience)
    found, n = _find(), jax.process_count()
    wanted = len(found) if devices is None else devices
    if wanted > len(found):
        raise ConfigError(
            f"devices must be at most {len(found)}, those that JAX has found, got {devices}; to "
            "simulate them on a CPU, set JAX_PLATFORMS=cpu and "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={wanted // n} before JAX starts"
        )
    if wanted % n:
        raise ConfigError(f"devices must be a multiple of the {n} processes, got {devices}")
    chosen = [device for i in range(n) for device in jax.local_devices(i)[: wanted // n]]
    return jax.make_mesh((wanted,), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen)


def _find() -> list[Any]:
    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:  # of a platform that is not there
        raise ConfigError(
            f"JAX_PLATFORMS must name devices that are there, got "
            f"{os.environ.get('JAX_PLATFORMS')!r} ({str(error) or 'none found'}); mend or unset it"
        ) from None


def _check_number(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} must be an integer >= {least}, got {value}")


def _check_places(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """ConfigError unless all three are given and fit together, or none is given."""
    given = {"coordinator": coordinator, "processes": processes, "process": process}
    missing = [name for name, value in given.items() if value is None]
    if coordinator is None or processes is None or process is None:
        if len(missing) < len(given):
            raise ConfigError(
                f"{', '.join(given)} must be given together, got no {' and no '.join(missing)}"
            )
        return
    _check_number("processes", processes, 1)
    if not 0 <= process < processes:
        raise ConfigError(f"process must be from 0 to {processes - 1}, got {process}")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(
            f"coordinator must be HOST:PORT, an address of process 0, got {coordinator!r}"
        )


def _connect(
    coordinator: str | None, processes: int | None, process: int | None, patience: int
) -> None:
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            initialization_timeout=patience,
            heartbeat_timeout_seconds=patience,
            shutdown_timeout_seconds=patience,
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"the processes must find each other within {patience} s, got: {error}; start all of "
            "them, each with the address of process 0, at a port that is free, and its own number"
        ) from error


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
    whole = NamedSharding(mesh, PartitionSpec())
    if jax.process_count() == 1:
        return jax.device_put(tree, whole)
    return jax.jit(lambda leaves: leaves, out_shardings=whole)(tree)  # compares no bytes


def divided(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch.

    Example:
      >>> divided(launch()).spec[0]
      'data'
    """
    return NamedSharding(mesh, PartitionSpec(AXIS))


def share(tree: Any, mesh: Mesh | None) -> Any:
    """A batch, each device with its part of it, under ``jit``; without a mesh the batch itself.

    Example:
      >>> share(jax.numpy.ones(3), None).shape
      (3,)
    """
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, divided(mesh))


def gather(tree: Any, mesh: Mesh | None) -> Any:
    """The opposite of `share`: the whole batch on each device.

    Example:
      >>> gather(jax.numpy.ones(3), launch()).shape
      (3,)
    """
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


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
