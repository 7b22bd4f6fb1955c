"""Compiled code leaves the libraries that it borrows from whole."""

import subprocess
import sys


def test_scipy_is_whole_after_numba_has_taken_its_part() -> None:
    code = """
import sys
import envs.libero.compilation
assert "scipy.linalg" not in sys.modules
import numpy, scipy.linalg
assert abs(scipy.linalg.inv(numpy.eye(3) * 2)[0, 0] - 0.5) < 1e-12
from scipy.linalg import cython_lapack, lapack
assert cython_lapack.__pyx_capi__ and lapack.dgetrf
"""
    subprocess.run([sys.executable, "-c", code], check=True)
