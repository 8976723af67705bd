"""Training: a model of any kind, from the first step to the last, on one device or many.

A model is two pure functions, ``(init, apply)``, and a run is a pytree, ``State``. ``fit`` trains,
``fit_seeds`` trains from several seeds at once, ``evaluate`` scores every example exactly once;
``make_step`` is one step for a loop of your own. ``save`` and ``restore`` write checkpoints that
are whole or not there, ``load_state`` reads the last one of a run, and ``launch`` finds the devices
of one machine or many.
"""

from approxnet.training.board import to_tensorboard
from approxnet.training.checkpoint import Checkpoint, restore, save
from approxnet.training.config import TrainConfig, configure, learning_rate, sgd
from approxnet.training.evaluation import Scores, evaluate
from approxnet.training.history import Epoch, Result
from approxnet.training.loop import DivergedError, fit
from approxnet.training.parallel import launch
from approxnet.training.run_folder import load_state
from approxnet.training.seeds import fit_seeds
from approxnet.training.state import State, init_state
from approxnet.training.step import Batch, Metrics, cross_entropy, make_step

__all__ = [
    "Batch",
    "Checkpoint",
    "DivergedError",
    "Epoch",
    "Metrics",
    "Result",
    "Scores",
    "State",
    "TrainConfig",
    "configure",
    "cross_entropy",
    "evaluate",
    "fit",
    "fit_seeds",
    "init_state",
    "launch",
    "learning_rate",
    "load_state",
    "make_step",
    "restore",
    "save",
    "sgd",
    "to_tensorboard",
]
