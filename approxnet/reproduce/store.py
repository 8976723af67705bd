"""Results on disk: written whole or not at all, one writer at a time, nothing overwritten.

OUT/NAME/results.json, *.png         a result that is finished (or failed, and says so)
OUT/unfinished/NAME/                 the same, while seeds are missing
OUT/earlier/NAME-SCALE-STARTED/      a result that another one replaced
OUT/report.html                      drawn from all of them
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from approxnet import _files
from approxnet._files import write
from approxnet.errors import ConfigError, DataError
from approxnet.reproduce.records import Result, from_json, to_json

RESULTS = "results.json"
UNFINISHED, EARLIER = "unfinished", "earlier"


def prepare(out: Path) -> Path:
    """``out`` as a folder that can be written to, made if it is missing.

    Raises:
      ConfigError: if it is a file or cannot be written to; names the reason.

    Example:
      >>> import tempfile
      >>> prepare(Path(tempfile.mkdtemp()) / "results").name
      'results'
    """
    probe = out / f".probe-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"out must be a folder that can be written to, got {str(out)!r} "
            f"({error.strerror or error}); choose another with --out"
        ) from None
    return out


def lock(out: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the folder for this process; the lock goes with the process, however it ends.

    Raises:
      RunLockError: if another process holds it; names the process.

    Example:
      >>> import tempfile
      >>> with lock(Path(tempfile.mkdtemp())):
      ...     pass
    """
    return _files.lock(out, "wait for it, or choose another folder with --out")


def read(folder: Path) -> Result | None:
    """The result in a folder, or in a file NAME.json; None if there is none.

    Raises:
      DataError: if the file is damaged; names it.

    Example:
      >>> read(Path("nowhere")) is None
      True
    """
    path = folder if folder.suffix == ".json" else folder / RESULTS
    if not path.is_file():
        return None
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise DataError(
            f"{path} must be a result that approxnet wrote, got a damaged file "
            f"({type(error).__name__}: {error}); run the experiment again with --force"
        ) from None


def stage(out: Path, result: Result) -> None:
    """Write a result that may still miss seeds.

    Example:
      >>> import tempfile
      >>> out = Path(tempfile.mkdtemp())
      >>> stage(out, Result("a", "An experiment", "", "smoke", "smoke", {}, (0,), (), (), (), {}))
      >>> read(out / "unfinished" / "a").verdict
      'incomplete'
    """
    write(out / UNFINISHED / result.name / RESULTS, to_json(result))


def finish(out: Path, result: Result) -> None:
    """Write the result and put its folder in place; the one it replaces goes to ``earlier``.

    Example:
      >>> import tempfile
      >>> out = Path(tempfile.mkdtemp())
      >>> finish(out, Result("a", "An experiment", "", "smoke", "smoke", {}, (), (), (), (), {}))
      >>> read(out / "a").name
      'a'
    """
    stage(out, result)
    place = out / result.name
    if place.exists():
        (out / EARLIER).mkdir(exist_ok=True)
        os.replace(place, _free(out / EARLIER / _label(place)))
    os.replace(out / UNFINISHED / result.name, place)


def _label(place: Path) -> str:
    try:
        old = read(place)
    except DataError:
        old = None
    if old is None:
        return f"{place.name}-unknown"
    started = str(old.provenance.get("started", "unknown"))[:19].replace(":", "")
    return f"{place.name}-{old.scale}-{started}"


def _free(path: Path) -> Path:
    numbered = (path.with_name(f"{path.name}-{i}") for i in range(2, 1_000_000))
    return path if not path.exists() else next(p for p in numbered if not p.exists())
