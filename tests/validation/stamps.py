"""Odd stamps, lost packets and wrong rates from real LSL senders: the table, live.

``python -m tests.validation.stamps`` reads every sender for half a minute, four at a time, and
prints how far rows are from the truth after five seconds, and what was called lost. ``--busy``
keeps two cores busy meanwhile; ``--only epoch,zero`` reads some of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.doubles.stamped import Result, Sender
from tests.doubles.stamped_lsl import read

LIMIT_MS = 30.0
_BIAS_MS = 3.0  # where stamps are true

ROWS: dict[str, Sender] = {
    "true": Sender(),
    "true, packets of 12": Sender(packet=12),
    "last of each packet": Sender(packet=12, stamps="last"),
    "jump:8,-3,18": Sender(stamps="jump:8,-3,18"),
    "jump:8,15": Sender(stamps="jump:8,15"),
    "jump:8,-3600": Sender(stamps="jump:8,-3600"),
    "jump:8,1.7e9": Sender(stamps="jump:8,1.7e9"),
    "jump and loss": Sender(stamps="jump:8,-3", packet=4, loss=0.02),
    "two jumps": Sender(stamps="jump:8,-3+jump:12,5"),
    "constant": Sender(stamps="constant"),
    "nominal": Sender(stamps="nominal", stated=256.0, rate=254.5),
    "ahead:4": Sender(stamps="ahead:4"),
    "epoch": Sender(stamps="epoch"),
    "epoch, packets of 12, loss": Sender(stamps="epoch", packet=12, loss=0.02),
    "epoch, 1 % fast": Sender(stamps="epoch+fast:0.01"),
    "zero": Sender(stamps="zero"),
    "none": Sender(stamps="none"),
    "none, packets of 12": Sender(stamps="none", packet=12),
    "not a number": Sender(stamps="odd:nan"),
    "loss 0.5 %, 200 Hz, 2": Sender(stated=200.0, packet=2, loss=0.005),
    "loss 2 %, 256 Hz, 12": Sender(stated=256.0, packet=12, loss=0.02),
    "loss 5 %, 250 Hz, 1": Sender(loss=0.05),
    "loss 5 %, 250 Hz, 4, bursts": Sender(packet=4, loss=0.05, burst=3),
    "128 sends 256": Sender(stated=128.0, rate=256.0),
    "256 sends 200": Sender(stated=256.0, rate=200.0, packet=12, stamps="last"),
    "250 sends 125": Sender(stated=250.0, rate=125.0, stamps="none"),
    "250 sends 203": Sender(stated=250.0, rate=203.0, stamps="epoch"),
    "a second at once": Sender(packet=250),
}


def verdict(name: str, sender: Sender, result: Result) -> tuple[str, bool]:
    """Say what came of a sender, and whether it is as it must be."""
    late = 1e3 * result.error[result.at > 5.0]
    limit = _BIAS_MS if name.startswith("true") else LIMIT_MS
    least = max(0.02 * result.lost, sender.packet)
    right = np.abs(late).max() < limit and abs(result.marked - result.lost) <= (
        least if sender.loss else 0
    )
    said = sum(event.value == "stamps" for event in result.events)
    rates = ", ".join(f"{rate:.2f}" for rate in result.rates)
    line = (
        f"{name:28s} bias {np.median(late):6.2f} ms, worst {np.abs(late).max():6.2f}; lost "
        f"{result.lost:4d}, marked {result.marked:4d}; said {said}; rates {rates or '-'}"
    )
    return f"{line}{'' if right else '   NOT MET'}", bool(right)


def main() -> int:
    """Read the senders, print the table; 1 where something is not met."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--busy", action="store_true", help="keep two cores busy")
    parser.add_argument("--only", default="", help="names of rows, comma-separated")
    args = parser.parse_args()
    wanted = [name for name in args.only.split(",") if name] or list(ROWS)
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(2 if args.busy else 0)
    ]

    def one(name: str) -> tuple[str, bool]:
        sender = Sender(**(vars(ROWS[name]) | {"seconds": args.seconds}))
        result = read(sender, f"stamps-{list(ROWS).index(name)}")
        return verdict(name, sender, result)

    met = True
    try:
        with ThreadPoolExecutor(4) as pool:
            for line, right in pool.map(one, wanted):
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
                met = met and right
    finally:
        for loop in loops:
            loop.kill()
    return 0 if met else 1


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
