from __future__ import annotations

import inspect

import numpy as np

from devices.timeline import COLUMNS, N_ROWS, HeardTrack, HeardTracks, Timeline, column


def _rows(first: int, n: int) -> np.ndarray:
    rows = np.zeros((n, len(COLUMNS)))
    rows[:, 0] = 100.0 + 0.01 * np.arange(first, first + n)
    rows[:, 1] = 480.0 * np.arange(first, first + n)
    return rows


def test_rows_come_back_in_order_through_another_handle() -> None:
    timeline = Timeline.create()
    reader = Timeline.attach(timeline.name)
    for row in _rows(0, 5):
        timeline.append(row)
    first, rows = reader.since(2)
    assert first == 2
    np.testing.assert_array_equal(rows, _rows(2, 3))
    np.testing.assert_array_equal(column(rows, "frame"), 480.0 * np.arange(2, 5))
    assert reader.since(5)[1].shape == (0, len(COLUMNS))
    reader.close()
    timeline.close()


def test_many_rows_at_once_are_as_many_appended() -> None:
    one, many = Timeline.create(local=True), Timeline.create(local=True)
    n = N_ROWS + 700
    for row in _rows(0, n):
        one.append(row)
    many.extend(_rows(0, 300))
    many.extend(_rows(300, n - 300))
    assert one.total == many.total == n
    first, rows = many.since(0)
    assert first > 700
    np.testing.assert_array_equal(rows, one.since(0)[1])
    np.testing.assert_array_equal(rows, _rows(first, n - first))


def test_more_rows_at_once_than_the_table_holds_leave_the_newest() -> None:
    timeline = Timeline.create(local=True)
    timeline.extend(_rows(0, 2 * N_ROWS + 5))
    first, rows = timeline.since(0)
    np.testing.assert_array_equal(rows, _rows(first, 2 * N_ROWS + 5 - first))


def test_a_track_is_known_until_its_place_is_needed() -> None:
    tracks = HeardTracks.create(local=True)
    feature = np.arange(100, dtype=np.float32)
    names = list(inspect.signature(HeardTrack).parameters)[1:]
    track = HeardTrack(feature, **dict.fromkeys(names, 0))
    tracks.put(3, track)
    got = tracks.get(3)
    assert got is not None
    np.testing.assert_array_equal(got.feature, feature)
    assert [getattr(got, name) for name in names] == [0] * len(names)
    assert tracks.get(4) is None
    assert tracks.get(-1) is None
    tracks.put(3 + 32, track)
    assert tracks.get(3) is None
