"""Official files become a prepared set, from the internet or from a folder."""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import shutil
import socket
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich.console
import rich.progress

from approxnet import _checks
from approxnet.data import builders, folders, manifest, readers
from approxnet.data.catalog import CATALOG, SPLITS, Entry
from approxnet.errors import DataError, OfflineError

PATIENCE = 1.5  # seconds until a server counts as out of reach
STALLED = 30  # seconds without a byte until a download is given up


def fetch(
    name: str,
    *,
    source: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Prepare a set: download its official files, or take them from a folder, and check them.

    The set is written in the form of tensorflow-datasets (array_record), whole or not at all. A set
    that is there already, prepared or in its official files, is left as it is.

    Args:
      name: mnist, fashion_mnist, cifar10 or cifar100.
      source: a folder with the official files, as they are published; nothing in it is changed.
      data_dir: where the sets lie; None for APPROXNET_DATA_DIR or the user's cache folder.

    Returns:
      The folder of the set: DATA_DIR/NAME/VERSION, or DATA_DIR/NAME with the official files.

    Raises:
      ConfigError: if the name is not known, if ``data_dir`` cannot be written to, or if
        tensorflow-datasets is not installed.
      DataError: if an official file is missing or damaged; names the file and the byte. A damaged
        download is kept as DATA_DIR/NAME/FILE.bad.
      OfflineError: if the server cannot be reached, in less than two seconds; names the remedies.

    Example:
      >>> fetch("fashion_mnits")
      Traceback (most recent call last):
      ...
      approxnet.errors.ConfigError: name must be one of ...; did you mean 'fashion_mnist'?
    """
    entry = CATALOG[_checks.one_of("name", name, CATALOG)]
    folder = folders.data_folder(data_dir)
    place = folder / name
    there = folders.prepared(place)
    if there is not None:
        return there
    asked = dict.fromkeys(file for split in SPLITS for file in entry.files(split))
    if source is not None:
        paths = _find(entry, Path(source).expanduser())
        if len(paths) < len(asked):
            raise DataError(
                f"source must hold {', '.join(asked)}, got {', '.join(paths) or 'none of them'} in "
                f"{os.fspath(source)!r}; put the official files there"
            )
        return _prepare(name, entry, folders.require_writable(folder), paths)
    if len(_find(entry, place)) == len(asked):
        return place
    require_network(entry.url, name, folder)
    expected = builders.downloads(name, entry)
    with folders.unfinished(folders.require_writable(folder)) as work:
        paths = {file: download(file, item, work, place) for file, item in expected.items()}
        return _prepare(name, entry, folder, paths)


def _prepare(name: str, entry: Entry, folder: Path, paths: Mapping[str, Path]) -> Path:
    """Write the set to one side; when it is whole, put it in its place."""
    with folders.unfinished(folder) as work:
        finished = builders.write(name, entry, paths, work)
        manifest.write(finished)
        target = folder / name / finished.name
        target.parent.mkdir(exist_ok=True)
        try:
            finished.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process was quicker
                raise
    return target


def _find(entry: Entry, folder: Path) -> dict[str, Path]:
    """The official files of every split that are in the folder."""
    return {file: path for split in SPLITS for file, path in entry.find(folder, split).items()}


def download(file: str, expected: builders.Download, work: Path, kept: Path) -> Path:
    """Download an official file into a folder.

    Raises:
      OfflineError: if the server does not give the file.
      DataError: if it is not as expected; the file is then kept in ``kept`` as FILE.bad.

    Example:
      >>> nowhere = builders.Download("http://127.0.0.1:9/a.gz", 5, "e3b0c442")
      >>> download("a.gz", nowhere, Path("work"), Path("kept"))
      Traceback (most recent call last):
      ...
      approxnet.errors.OfflineError: a.gz cannot be had from http://127.0.0.1:9/a.gz ...
    """
    path = work / file
    request = urllib.request.Request(expected.url, headers={"User-Agent": "approxnet"})
    try:
        with urllib.request.urlopen(request, timeout=STALLED) as answer:
            _save(answer, path, expected.n_bytes)
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ConnectionError,
    ) as error:
        raise OfflineError(
            f"{file} cannot be had from {expected.url} ({error}); try again, or take the official "
            "files from elsewhere with --source"
        ) from None
    found = manifest.checksum(path)
    if found == expected.sha256:
        return path
    kept.mkdir(exist_ok=True)
    size, fault, path = path.stat().st_size, _fault(path), folders.set_aside(path, kept)
    raise DataError(
        f"{path}: must be {file} of {expected.n_bytes} bytes with the sha-256 {expected.sha256}, "
        f"got {size} bytes with {found}: {fault}; it came from {expected.url} and is kept for a "
        "look, fetch again or take the official files from elsewhere with --source"
    )


def _save(answer: Any, path: Path, n_bytes: int) -> None:
    """Write what the server sends, under a progress bar if somebody watches."""
    bar = rich.progress.wrap_file(
        answer,
        n_bytes,
        description=path.name,
        disable=not sys.stderr.isatty(),
        console=rich.console.Console(stderr=True),
    )
    with bar as watched, path.open("wb") as file:
        shutil.copyfileobj(watched, file)


def _fault(path: Path) -> str:
    """What is wrong with a gzip file that has not its checksum."""
    content = path.read_bytes()
    if not content.startswith(readers.GZIP):
        return readers.looks_like(content)
    try:
        readers.gunzip(path.name, content)
    except DataError as error:
        return str(error)
    return "a gzip file that is whole, of other content"


def require_network(url: str, name: str, folder: Path) -> None:
    """OfflineError, in less than two seconds, unless the server of an address can be reached.

    Example:
      >>> require_network("http://127.0.0.1:9/x", "mnist", Path("sets"))
      Traceback (most recent call last):
      ...
      approxnet.errors.OfflineError: mnist is not in sets, and 127.0.0.1 cannot be reached ...
    """
    server = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(server.scheme)
    if proxy and not urllib.request.proxy_bypass(server.hostname or ""):
        server = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = server.port or (443 if server.scheme == "https" else 80)
    reason = _refusal(server.hostname or "", port)
    if reason is not None:
        raise OfflineError(
            f"{name} is not in {folder}, and {server.hostname} cannot be reached ({reason}); "
            f"run 'approxnet data fetch {name}' where there is internet and copy the folder {name} "
            f"to {folder}, or 'approxnet data fetch {name} --source DIR' with the official files "
            f"in DIR, or name the folder of your sets with data_dir= or {folders.VARIABLE}, or "
            "take the set 'digits', which needs no download"
        )


def _refusal(host: str, port: int) -> str | None:
    """Why no connection comes about, None if one does; a name server may hang, hence the thread."""
    answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
            answer.put(None)
        except OSError as error:
            answer.put(str(error))

    threading.Thread(target=connect, daemon=True).start()
    with contextlib.suppress(queue.Empty):
        return answer.get(timeout=PATIENCE)
    return f"no answer in {PATIENCE} seconds"
