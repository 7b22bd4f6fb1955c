"""The network in arithmetic of a fixed order: the same bits on every CPU, in any batch.

Every operation is a single IEEE addition, multiplication, division or square root, in an order
that the source states. Compilers may use vectors of any width, but neither reorder a sum nor fuse
a multiplication with an addition, because numba's fast-math stays off.
"""
