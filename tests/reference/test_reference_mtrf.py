"""The decoder against `mtrf`, and against itself on other BLAS threads and kernels."""
