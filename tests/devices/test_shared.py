from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from devices.shared import SharedBlock
from dsp.checks import DeviceError

FIELDS = {"a": ("float64", (3, 2)), "n": ("int64", (1,)), "b": ("uint8", (5,))}


def _double(name: str) -> None:
    block = SharedBlock.attach(name)
    block.arrays["a"][:] *= 2.0
    block.arrays["n"][0] += 1
    block.close()


def test_another_process_sees_and_changes_the_same_arrays() -> None:
    block = SharedBlock.create(FIELDS)
    block.arrays["a"][:] = np.arange(6).reshape(3, 2)
    child = multiprocessing.get_context("spawn").Process(target=_double, args=(block.name,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    np.testing.assert_array_equal(block.arrays["a"], 2.0 * np.arange(6).reshape(3, 2))
    assert block.arrays["n"][0] == 1
    block.close()
    child.close()


def test_it_is_gone_when_its_creator_lets_go() -> None:
    block = SharedBlock.create(FIELDS)
    name = block.name
    block.close()
    block.close()
    with pytest.raises(DeviceError, match="gone"):
        SharedBlock.attach(name)


def test_local_arrays_have_the_same_shape_and_no_name() -> None:
    block = SharedBlock.local(FIELDS)
    assert {name: array.shape for name, array in block.arrays.items()} == {
        "a": (3, 2),
        "n": (1,),
        "b": (5,),
    }
    assert block.name == ""
    block.close()
