"""What is done with recordings and with crowds of simulated listeners, outside a session.

`recordings` opens them, `runs` goes through them as a session would; `evaluate_*`, `match` and
`residual` measure the estimators on them, `replay` runs the loop again on a session folder.
`earlier_sessions` makes the calibrations of simulated listeners, `simulate_demo` runs their
sessions by the hundred, and `simulate_weeks` the weeks of persons, one `life` each.
"""
