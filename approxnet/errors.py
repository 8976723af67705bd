"""The errors that approxnet raises on purpose.

Every message names what was expected, what was given, where, and what to do. Errors about an
argument are ``ValueError`` too, so that code which knows only Python's own kinds still works.
"""

from __future__ import annotations


class ApproxnetError(Exception):
    """Base of every error that approxnet raises on purpose."""


class MeshError(ApproxnetError, ValueError):
    """A mesh is not a conforming simplicial mesh; names the cell or node, its value, the remedy."""


class NetworkError(ApproxnetError, ValueError):
    """The layers of a network do not fit together; names the layer and both shapes."""


class AssumptionError(ApproxnetError, ValueError):
    """An assumption of a theorem does not hold for this input; names the theorem and the place."""


class DataError(ApproxnetError, ValueError):
    """A data file or data set is damaged or of another kind; names the file and the place."""


class SingularSystemError(ApproxnetError):
    """A linear system has no unique solution; names the unknowns that are not determined."""


class NonFiniteError(ApproxnetError):
    """A value that must be finite is nan or infinite; names the place."""


class CheckpointError(ApproxnetError):
    """A checkpoint cannot be read or does not fit; names the file."""


class RunLockError(ApproxnetError):
    """A run directory is in use by another process; names the process."""


class ConfigError(ApproxnetError):
    """A configuration, an option or a name is not known; suggests the nearest one."""


class OfflineError(ApproxnetError):
    """A download is needed and the network cannot be reached; names the remedies."""


class PrecisionWarning(UserWarning):
    """The precision in force cannot hold a result; predicts the error."""


class MeshWarning(UserWarning):
    """A mesh is legal but some of its cells are nearly degenerate; names the worst one."""


class ConvergenceWarning(UserWarning):
    """An iteration ended before it reached the accuracy asked for; names both residuals."""


class StepWarning(UserWarning):
    """A step is so long that its method may diverge; names the longest one that may not."""


class CheckpointWarning(UserWarning):
    """A checkpoint is damaged and an earlier one is used; names both."""
