"""Would the tests notice? One small thing of a file is changed at a time, and its tests are run.

    python tests/benchmarks/mutants.py                  # every part of `PARTS`, 100 changes each
    python tests/benchmarks/mutants.py scores --seed 7  # one part, other changes
    python tests/benchmarks/mutants.py bleed --count 30 # a file of `dsp/tracking` by its name
    python tests/benchmarks/mutants.py dsp/checks.py --tests tests/refusals/test_refusals_dsp.py

Changed is what a slip of the hand changes: a comparison, a number (integers by 1, others by a
quarter), a sign, an operation, a connective, a truth value. Each change is made in a process of
its own, in the module as it is imported; no file is touched. Its tests and the examples in it run
in the order of the seconds that they take, up to the first that fails: it has noticed, as have
those that take more than three times their time. What survives is printed. Exit status 1 under
`LEAST` %. POSIX only.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import numpy as np  # noqa: F401  # imported once, before the forks
import pytest
import scipy.signal  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
LEAST = 85  #: % of changes that must be noticed
BROKEN = 70  # exit status of a process that did not get as far as its tests
#: What is held to it: files that are drawn from together, and their tests.
PARTS = {
    "enjoyment": (
        ["dsp/enjoyment.py"],
        ["tests/reference/test_reference_enjoyment.py", "tests/dsp/test_enjoyment.py"],
    ),
    "policy": (
        ["app/loop/policy.py", "app/loop/decision.py"],
        [f"tests/app/loop/test_{name}.py" for name in ("policy_limits", "gate", "policy")],
    ),
    "loop": (
        [f"app/loop/{name}.py" for name in ("loop", "belief", "listening", "senses", "ticks")],
        [
            f"tests/app/loop/test_{name}.py"
            for name in ("belief", "listening", "senses", "loop_alone", "hands", "loop")
        ],
    ),
}
for _path in sorted(ROOT.glob("dsp/tracking/**/[a-z]*.py")):
    _folder = ROOT / "tests" / _path.parent.relative_to(ROOT)
    _tests = [_folder / f"test_{_path.name}", *sorted(_folder.glob(f"test_{_path.stem}_*.py"))]
    PARTS[_path.stem] = (
        [str(_path.relative_to(ROOT))],
        [str(test.relative_to(ROOT)) for test in _tests],
    )
Change = tuple[Path, ast.AST, ast.AST]  # file, node, and what stands there instead

OTHER: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,),
    ast.Or: (ast.And,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Mult,), ast.Pow: (ast.Mult,), ast.Mod: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip
NAMES = {"min": "max", "any": "all", "minimum": "maximum"}
NAMES |= {after: before for before, after in NAMES.items()}


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """Yield `node` with one small thing of its own changed."""

    def other(**changed: object) -> ast.AST:
        return type(node)(**dict(ast.iter_fields(node)) | changed)

    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                yield from (other(ops=[*ops[:i], o(), *ops[i + 1 :]]) for o in OTHER[type(op)])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) | ast.AugAssign(op=op):
            yield from (other(op=o()) for o in OTHER.get(type(op), ()))
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield other(value=not value)
        case ast.Constant(value=int(value)):
            yield from (other(value=value + step) for step in (1, -1))
        case ast.Constant(value=float(value)):
            shifted = (1.25 * value, 0.8 * value) if value else (0.25,)
            yield from (other(value=float(f"{number:.6g}")) for number in shifted)
        case ast.Name(id=name) if name in NAMES:
            yield other(id=NAMES[name])
        case ast.Attribute(attr=name) if name in NAMES:
            yield other(attr=NAMES[name])


def nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node of a tree but its annotations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from nodes(child)


class Put(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, before: ast.AST, after: ast.AST) -> None:
        self.before, self.after = before, after

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.before:
            return ast.copy_location(self.after, node)
        return self.generic_visit(node)


class FastFirst:
    """Runs tests in the order of the seconds that each took when nothing was changed."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._known: dict[str, float] = json.loads(kept.read_text() or "{}")
        self._took: dict[str, float] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._known.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._took[report.nodeid] = self._took.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        if not self._known:
            self._kept.write_text(json.dumps(self._took))


def run(
    tree: ast.Module, change: Change | None, tests: Sequence[str], folder: str, kept: Path
) -> int:
    """Run the tests on a changed module, in this very process; return pytest's exit status."""
    if change is not None:
        path, before, after = change
        code = compile(ast.fix_missing_locations(Put(before, after).visit(tree)), path, "exec")
        read = SourceFileLoader.get_code

        def get_code(self: SourceFileLoader, name: str) -> CodeType | None:
            return code if os.path.realpath(self.path) == str(path) else read(self, name)

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    tempfile.tempdir = folder
    found_is_enough = [p for p in hypothesis.Phase if p.name in ("explicit", "generate")]
    hypothesis.settings.register_profile("mutants", database=None, phases=found_is_enough)
    hypothesis.settings.load_profile("mutants")
    words = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/pytest"]
    # Rewritten asserts would come with a loader of their own, which knows of no change.
    words += [
        "--assert=plain",
        "--doctest-modules",
        "--rootdir",
        str(ROOT),
        *(str(ROOT / t) for t in tests),
    ]
    return int(pytest.main(words, plugins=[FastFirst(kept)]))


def fork(
    change: Change | None, tree: ast.Module, tests: Sequence[str], kept: Path, limit: int = 0
) -> int:
    """Start `run` in a process of its own, of at most `limit` s of CPU; return its number."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    status = BROKEN
    try:
        if limit:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            status = run(tree, change, tests, folder, kept)
    except BaseException:  # whatever it is: it must not pass for tests that have noticed
        traceback.print_exc()
    finally:
        os._exit(status)


def judge(
    sources: Sequence[str], tests: Sequence[str], *, count: int, seed: int, jobs: int
) -> float:
    """Draw changes, run the tests on each, print what survived; return the % noticed."""
    trees = {ROOT / name: ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in sources}
    changes: list[Change] = [
        (path, node, after)
        for path, tree in trees.items()
        for node in nodes(tree)
        for after in variants(node)
    ]
    drawn = random.Random(seed).sample(changes, min(count, len(changes)))
    tests = [*sources, *tests]  # the examples in a file are tests too
    waiting, running, survived = list(drawn), dict[int, Change](), list[Change]()
    with tempfile.NamedTemporaryFile(prefix="mutant-") as file:
        kept = Path(file.name)
        _, status, used = os.wait4(fork(None, ast.Module([], []), tests, kept), 0)
        if status:
            raise SystemExit(f"the tests fail before anything is changed: {' '.join(tests)}")
        limit = int(3 * (used.ru_utime + used.ru_stime)) + 10
        while waiting or running:
            if waiting and len(running) < jobs:
                change = waiting.pop()
                running[fork(change, trees[change[0]], tests, kept, limit)] = change
                continue
            pid, status = os.wait()
            change = running.pop(pid)
            if os.waitstatus_to_exitcode(status) == BROKEN:
                raise SystemExit("a change could not be made; the reason stands above")
            survived += [change] * (status == 0)
    share = 100 * (1 - len(survived) / len(drawn))
    print(f"{' '.join(sources)}: {share:.0f} % of {len(drawn)} noticed ({len(changes)} possible)")
    for path, before, after in sorted(survived, key=lambda c: (c[0], c[1].lineno)):
        line = path.read_text(encoding="utf-8").splitlines()[before.lineno - 1].strip()
        at = f"{path.relative_to(ROOT)}:{before.lineno}"
        print(f"  {at}: {ast.unparse(before)}  ->  {ast.unparse(after)}    in: {line}", flush=True)
    return share


def main() -> int:
    """Read the command line and judge what it names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=list(PARTS), help="names of parts, or files")
    parser.add_argument("--tests", nargs="+", help="the tests of these files")
    parser.add_argument("--count", type=int, default=100, help="changes that are drawn")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="tests side by side")
    given = parser.parse_args()
    for name in given.what:
        if not given.tests and name not in PARTS:
            parser.error(f"{name!r} is no part ({', '.join(PARTS)}); a file needs --tests")
    chosen = [(given.what, given.tests)] if given.tests else [PARTS[name] for name in given.what]
    how = {"count": given.count, "seed": given.seed, "jobs": given.jobs}
    return int(min(judge(*one, **how) for one in chosen) < LEAST)


if __name__ == "__main__":
    sys.exit(main())
