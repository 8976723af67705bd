"""A run that is told to stop finishes its step, is saved, and then ends.

SIGTERM, as a cluster sends it, ends the process with code 75 ("try again later" in sysexits.h);
Ctrl-C raises KeyboardInterrupt, which the command line turns into code 130. A second Ctrl-C does
not wait.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

TRY_AGAIN = 75


class Request:
    """The number of the signal that has come, 0 for none.

    Example:
      >>> Request().number
      0
    """

    def __init__(self) -> None:
        self.number = 0


def obey(number: int, message: str) -> None:
    """End the process if the number is that of a signal.

    Raises:
      KeyboardInterrupt: after Ctrl-C.
      SystemExit: with code 75 after SIGTERM.

    Example:
      >>> obey(0, "no signal has come")
    """
    if number == signal.SIGINT:
        raise KeyboardInterrupt(message)
    if number:
        raise SystemExit(TRY_AGAIN)


@contextlib.contextmanager
def postponed() -> Iterator[Request]:
    """Note SIGTERM and Ctrl-C in place of acting on them, where this thread may do so.

    Example:
      >>> import os
      >>> with postponed() as request:
      ...     os.kill(os.getpid(), signal.SIGTERM)
      >>> request.number == signal.SIGTERM
      True
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    watched = (signal.SIGTERM, signal.SIGINT)
    earlier = {number: signal.getsignal(number) for number in watched}

    def note(number: Any, frame: FrameType | None) -> None:
        request.number = number
        signal.signal(number, earlier[number])

    try:
        for number in watched:
            signal.signal(number, note)
        yield request
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
