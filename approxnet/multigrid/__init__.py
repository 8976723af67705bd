"""Multigrid for -div(a grad u) + c u = b on boxes, with rates that theory predicts.

``hierarchy`` holds the operators on nested grids. A cycle (``v_cycle``, ``w_cycle``, ``f_cycle``,
``backslash_cycle``, ``full_multigrid``) is built from a smoother (``jacobi``, ``red_black``,
``chebyshev``, ``course_kernel``) and applied to a hierarchy; ``solve`` repeats it, and
``multigrid_pcg`` preconditions conjugate gradients with it, with ``bpx`` or with the
``hierarchical_basis``. ``smoothing_factor`` and ``two_grid_factor`` predict the rates,
``convergence_factor`` and ``condition_number`` measure them.
"""

from approxnet.multigrid.cycle import (
    backslash_cycle,
    f_cycle,
    full_multigrid,
    v_cycle,
    w_cycle,
)
from approxnet.multigrid.grids import Hierarchy, hierarchy, nodes
from approxnet.multigrid.local_fourier import smoothing_factor, two_grid_factor
from approxnet.multigrid.measure import condition_number, convergence_factor
from approxnet.multigrid.operators import Operator
from approxnet.multigrid.precondition import (
    bpx,
    from_cycle,
    hierarchical_basis,
    multigrid_pcg,
)
from approxnet.multigrid.smooth import chebyshev, course_kernel, jacobi, red_black
from approxnet.multigrid.solution import Solution, solve
from approxnet.multigrid.transfer import (
    Transfer,
    bilinear,
    course_element,
    linear_element,
    prolong,
    restrict,
)

__all__ = [
    "Hierarchy",
    "Operator",
    "Solution",
    "Transfer",
    "backslash_cycle",
    "bilinear",
    "bpx",
    "chebyshev",
    "condition_number",
    "convergence_factor",
    "course_element",
    "course_kernel",
    "f_cycle",
    "from_cycle",
    "full_multigrid",
    "hierarchical_basis",
    "hierarchy",
    "jacobi",
    "linear_element",
    "multigrid_pcg",
    "nodes",
    "prolong",
    "red_black",
    "restrict",
    "smoothing_factor",
    "solve",
    "two_grid_factor",
    "v_cycle",
    "w_cycle",
]
