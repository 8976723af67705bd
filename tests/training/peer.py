"""One of two processes that train together: PORT PROCESS RUN_DIR."""

import sys

from approxnet.training import launch, loop
from tests.training.problem import train

if __name__ == "__main__":
    port, process, run_dir = sys.argv[1:]
    mesh = launch(coordinator=f"127.0.0.1:{port}", processes=2, process=int(process), patience=30)
    loop.STRETCH = 0.0  # stretches of one step
    train(run_dir, mesh=mesh)
