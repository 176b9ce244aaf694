"""What a client costs: the store opened, and the encryption of a headless session.

``python -m tests.benchmarks.bench_clients --sessions 3 --minutes 1`` prints a table. A session on
the synthetic board is run without a client and with one, in turn; its CPU time is that of all its
processes. What sealing alone takes is measured on pieces as a session writes them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from app.clients.creating import create_store
from app.clients.entries import Note, consent
from app.clients.store import Store
from app.paths import clients_folder
from app.records.sealed import new_seal
from tests.doubles.program import HEADLESS, ROOT

SECRET = "correct horse battery"
CLIENTS, ENTRIES, LISTENER = 40, 50, 200_000  # a practice; bytes that are known of each
#: Bytes of a second of a session: 16 channels at 250 Hz, what was heard, blocks of sound, a tick.
SECOND = (16 * 250 * 4 + 250 * 9, 64 * 30, 47 * 120, 2000, 300)


def opened(n: int = 20) -> tuple[float, float, float, float]:
    """Seconds until the store of a practice is open: median, most, CPU; and MB of its file."""
    create_store(clients_folder(), SECRET)
    with Store(clients_folder(), SECRET) as store:
        for _ in range(CLIENTS):
            client = store.new_client()
            for k in range(ENTRIES):
                store.add(client, Note(f"{k} " * 100))
            number = store.begin_session(client, folder=None, source="x", simulated=True)
            store.end_session(client, number, listener=os.urandom(LISTENER))
        size = len(store.content()) / 1e6
    took, cpu = [], time.process_time()
    for _ in range(n):
        began = time.perf_counter()
        store = Store(clients_folder(), SECRET)
        took.append(time.perf_counter() - began)
        store.close()
    return float(np.median(took)), max(took), (time.process_time() - cpu) / n, size


def sealing(seconds: int = 2000) -> float:
    """CPU seconds that sealing a second of a session takes."""
    seal = new_seal(b"k" * 16, bytes(32))
    parts = [os.urandom(n) for n in SECOND]
    began = time.process_time()
    for k in range(seconds):
        for part in parts:
            seal.piece("recording.xdf", k, part)
    return (time.process_time() - began) / seconds


def session(minutes: float, *words: str) -> tuple[float, float]:
    """CPU seconds and seconds of a headless session, all of its processes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "app.commands", *HEADLESS, "--source", "synthetic", "--minutes",
         str(minutes), *words],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sessions", type=int, default=3, help="of each kind")
    parser.add_argument("--minutes", type=float, default=1.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attune-bench-clients-") as folder:
        for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(folder) / kind.lower())
        median, most, cpu, size = opened()
        print("| what | measured |\n|---|---|")
        print(f"| store of {CLIENTS} clients ({size:.0f} MB) opened, median / most of 20 | "
              f"{median:.2f} s / {most:.2f} s, {cpu:.2f} s of it CPU |", flush=True)  # fmt: skip
        print(f"| sealing a second of a session, 16 channels | {1000 * sealing():.2f} ms CPU |",
              flush=True)  # fmt: skip
        passphrase = Path(folder) / "passphrase"
        passphrase.write_text(SECRET)
        with Store(clients_folder(), SECRET) as store:
            client = store.new_client()
            store.add(client, consent(("sessions", "eeg")))
        of_client = ("--client", client.code, "--passphrase-file", str(passphrase))
        session(0.1)  # measures the first track once
        plain, sealed = [], []
        for _ in range(chosen.sessions):
            plain.append(session(chosen.minutes, "--preset", "default"))
            sealed.append(session(chosen.minutes, *of_client))
        for name, rows in (("without a client", plain), ("with a client", sealed)):
            took = [row[0] for row in rows]
            every = ", ".join(f"{one:.1f}" for one in took)
            print(f"| headless session of {chosen.minutes:g} min {name}, median (of {every}) | "
                  f"{np.median(took):.1f} s CPU |")  # fmt: skip
        more = np.median([row[0] for row in sealed]) - np.median([row[0] for row in plain])
        print(f"| the difference, of one processor over the session | "
              f"{100 * more / (60 * chosen.minutes):.1f} % |")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
