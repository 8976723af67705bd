"""``python -m approxnet`` is the command ``approxnet``."""

from approxnet.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
