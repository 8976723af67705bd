"""One of two processes that train together: PORT PROCESS RUN_DIR DEATH, the last 0 for none."""

import sys

from approxnet.training import launch, loop
from tests.training.problem import prepare_death, train

if __name__ == "__main__":
    port, process, run_dir, death = sys.argv[1:]
    mesh = launch(coordinator=f"127.0.0.1:{port}", processes=2, process=int(process), patience=30)
    loop.STRETCH = 0.0  # stretches of one step
    prepare_death(int(death) or None)
    train(run_dir, mesh=mesh)
