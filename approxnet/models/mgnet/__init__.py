"""MgNet: multigrid whose operators are trained, and multigrid as the linear MgNet.

``network`` is the architecture, ``layers`` what it is made of, ``iterations`` the two forms and the
three schemes of its smoothing, ``linear`` the network of a multigrid hierarchy.
"""

from approxnet.models.mgnet.linear import mgnet_from_hierarchy
from approxnet.models.mgnet.network import MgNet

__all__ = ["MgNet", "mgnet_from_hierarchy"]
