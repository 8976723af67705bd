"""Where a number comes from: versions, device, commit, the state of the code.

`fingerprint` is a hash of the source files that produce a result. A finished result is not run
again while experiment, configuration, seeds and fingerprint are the same.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import approxnet

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "matplotlib", "flax", "optax")


def versions() -> dict[str, str]:
    """The versions of approxnet, of Python and of the packages that a result depends on.

    Example:
      >>> "jax" in versions()
      True
    """
    found = {"approxnet": approxnet.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> dict[str, Any]:
    """The git commit of the checkout that holds this file, and whether files differ from it.

    Both are None for an installed package.

    Example:
      >>> sorted(commit())
      ['commit', 'dirty']
    """
    root = Path(__file__).resolve().parents[2]
    unknown: dict[str, Any] = {"commit": None, "dirty": None}
    if not (root / ".git").exists():
        return unknown
    try:
        head, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return unknown
    return {"commit": head, "dirty": bool(changes)}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def now() -> str:
    """The time in UTC, to the microsecond, as text that sorts by time.

    Example:
      >>> now() <= now()
      True
    """
    return datetime.now(UTC).isoformat(timespec="microseconds")


def fingerprint(experiment_file: Path | None = None) -> str:
    """A hash of the package's Python files and of the experiment's: 16 hexadecimal digits.

    Example:
      >>> len(fingerprint())
      16
    """
    package = Path(__file__).resolve().parents[1]
    files = sorted(
        path
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] != "experiments"
    )
    digest = hashlib.sha256()
    for path in [*files, *([experiment_file] if experiment_file else [])]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def hardware() -> str:
    """System, processor, cores and memory; nothing that names the machine.

    Example:
      >>> "cores" in hardware()
      True
    """
    kind = f"{platform.system()} {platform.machine()}"
    return f"{kind}, {_processor()}, {os.cpu_count()} cores, {memory()}"


def _processor() -> str:
    """The name of the processor; a list of them is in a file on Linux alone."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or "unknown processor"


def memory() -> str:
    """The memory of the machine.

    Example:
      >>> memory().endswith(("GiB", "unknown"))
      True
    """
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "memory unknown"
    return f"{pages * size / 2**30:.1f} GiB"


def collect(precision: str, code: str) -> dict[str, Any]:
    """Everything that a result says about its origin; imports jax.

    Args:
      precision: ``float32`` or ``float64``, the precision in force.
      code: the `fingerprint`.

    Example:
      >>> collect("float64", "0" * 16)["precision"]
      'float64'
    """
    import jax

    devices = jax.devices()
    return {
        "versions": versions(),
        "device": f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})",
        "hardware": hardware(),
        "precision": precision,
        "code": code,
        "started": now(),
    } | commit()
