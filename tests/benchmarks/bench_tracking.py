"""Cost of tracking once a second, as a share of one core and beside `mtrf`'s batch fit.

python tests/benchmarks/bench_tracking.py [--seconds 180]
"""
