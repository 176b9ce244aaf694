"""The plot of the session: forms that tell states apart, and words where no curve is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF

from app.session.snapshot import NO_EEG, History, RatingView, Span
from app.window.parts.state_strip import dots, full_bars, low_bars, state_runs
from dsp.sound.heard import Play
from tests.doubles.fake_session import FakeSession

pytestmark = pytest.mark.display

LENGTHS = [60, 150, 600, 3600]
LARGE, SMALL = (1440, 900), (1280, 720)


def _history(n, *, state=None, mean=None, r=0.15, level=0.1):
    t = np.arange(1.0, n + 1)
    curve = 0.5 + 0.48 * np.sin(t / n * 40) if mean is None else np.full(n, mean)
    titles = ("Slow River", "Paper Lanterns", "Night Bus", "Harbour Light")
    starts = range(0, n, max(20, n // 5))
    return History(
        t,
        curve,
        np.full(n, 0.1),
        np.full(n, r),
        np.full(n, level),
        np.zeros(n, dtype=np.int8) if state is None else np.full(n, state, dtype=np.int8),
        np.ones(n, dtype=bool),
        (Span(0.2 * n, 0.4 * n), Span(0.8 * n, None)),
        tuple((float(s), titles[i % 4]) for i, s in enumerate(starts)),
    )


@pytest.fixture
def drawn(bench):
    """Draws a history in the plot of the one window of a test."""
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)

    def draw(history, size=(1440, 900), **changes):
        window.resize(*size)
        bench.pump(lambda: (window.width(), window.height()) == size)
        session.changes = {"history": history, "t": float(history.t.size), **changes}
        plot = window.screen_.session.plot
        plot._drawn = ()  # another history of the same length is drawn too
        window._render()
        return plot

    return draw


@pytest.mark.parametrize(
    ("n", "size"),
    [(60, LARGE), (150, SMALL), (600, LARGE), (600, SMALL), (3600, SMALL)],
)
def test_no_label_is_printed_over_the_curve(drawn, size, n):
    curves = [_history(n, mean=mean) for mean in (None, 0.0, 1.0, 0.42)]
    assert [_overprinted(drawn, history, n, size) for history in curves] == [[]] * 4


def _overprinted(drawn, history, n, size):
    """The words that lie on the curve."""
    plot = drawn(
        history,
        size,
        ratings=tuple(
            RatingView(n * (i + 0.5) / 9, i + 1, Play(0), "Slow River") for i in range(9)
        ),
        marks=(0.3 * n, 0.5 * n),
    )
    box = plot._joy.getViewBox()
    points = [
        box.mapViewToScene(QPointF(x, 100 * y))
        for x, y in zip(history.t, history.mean, strict=True)
    ]
    x, y = np.array([(point.x(), point.y()) for point in points]).T
    low, high = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
    labels = [label for label in plot.labels.texts if label.scene() is not None]
    assert len(labels) >= 10
    out = []
    for label in labels:
        ink = label.mapRectToScene(label.boundingRect()).adjusted(4, 3, -4, -3)  # without margins
        beside = (x[:-1] <= ink.right()) & (x[1:] >= ink.left())
        if np.any(beside & (high >= ink.top()) & (low <= ink.bottom())):
            out.append(label.toPlainText())
    return out


@pytest.mark.parametrize("n", [30, *LENGTHS, 4 * 3600])
def test_every_state_has_a_form_of_its_own_at_every_scale(n):
    """In grey, without colour: the columns of one state equal those of no other."""
    width, forms = 640, []
    for code, draw in ((0, dots), (1, low_bars), (2, full_bars)):
        t = np.arange(1.0, n + 1)
        runs = state_runs(t, np.full(n, code, dtype=np.int8), end=float(n), n_columns=width)
        assert runs == [(0, width, code)]
        path = draw(runs, 1.0, size=2) if draw is dots else draw(runs, 1.0)
        forms.append(_covered(path, width))
    unsure, still, following = forms
    assert following.all()
    assert still[:, 0].all()
    assert not still[:, 3:].any()
    gaps = np.flatnonzero(np.diff(unsure.any(axis=1)))
    assert gaps.size > width / 10  # dots, however many seconds a pixel stands for
    assert not unsure[:, :3].any()


def _covered(path, width, height=10):
    """Whether the middle of each cell is inside `path`, by column and from the foot upwards."""
    return np.array(
        [
            [path.contains(QPointF(x + 0.5, (y + 0.5) / height)) for y in range(height)]
            for x in range(width)
        ]
    )


def test_one_second_of_each_state_can_be_told_apart():
    boxes = [
        draw([(7, 8, code)], 1.0, **more).boundingRect()
        for code, draw, more in ((0, dots, {"size": 2}), (1, low_bars, {}), (2, full_bars, {}))
    ]
    tops = {(round(box.top(), 3), round(box.bottom(), 3)) for box in boxes}
    assert len(tops) == 3
    assert all(box != QRectF() for box in boxes)


def test_where_seconds_share_a_column_most_of_them_count_and_of_two_the_lesser_claim():
    t = np.arange(1.0, 61)
    codes = np.zeros(60, dtype=np.int8)
    codes[:7], codes[10:15], codes[20:30], codes[30:40] = 2, 2, 1, NO_EEG
    assert state_runs(t, codes, end=60.0, n_columns=6) == [
        (0, 1, 2),
        (1, 2, 0),
        (2, 3, 1),
        (4, 6, 0),
    ]


def test_seconds_that_were_not_watched_are_not_drawn():
    t = np.array([1.0, 2.0, 9.0])
    codes = np.array([2, 2, 2], dtype=np.int8)
    assert state_runs(t, codes, end=10.0, n_columns=10) == [(0, 2, 2), (8, 9, 2)]


@pytest.mark.parametrize("n", LENGTHS)
def test_no_line_leads_over_time_that_was_not_watched(drawn, n):
    whole = _history(n)
    kept = np.ones(n, dtype=bool)
    kept[n // 3 : n // 3 + 13] = False  # 13 s
    rows = ("t", "mean", "sd", "r", "r_null95", "state", "usable")
    plot = drawn(replace(whole, **{name: getattr(whole, name)[kept] for name in rows}))
    middle = whole.t[n // 3] + 6.0
    for curve in (plot._mean, plot._curve, plot._chance):
        t, y = curve.getData()
        pairs = itertools.pairwise(zip(t, y, strict=True))
        over = [a for a, b in pairs if a[0] < middle < b[0] and np.isfinite([a[1], b[1]]).all()]
        assert not over
    assert not plot._bands[0].path().contains(QPointF(middle, 50.0))
    assert plot._bands[0].path().elementCount() > 0


def test_cannot_tell_and_not_following_are_drawn_in_other_forms(drawn):
    for n in LENGTHS:
        pieces = []
        for code in (0, 1):
            plot = drawn(_history(n, state=code))
            full = [not item.path().isEmpty() for item in plot._states]
            assert full == [code == 0, code == 1, False]
            pieces.append(len(plot._states[code].path().toSubpathPolygons()))
        assert pieces[0] > 20  # dots
        assert pieces[1] == 1  # a bar


def test_a_number_that_no_correlation_can_have_leaves_the_axis_as_it_is(drawn):
    usual = drawn(_history(100))
    axis = usual._r.getViewBox().viewRange()[1]
    history = _history(100)
    level = history.r_null95.copy()
    level[50:60] = 911.63
    r = history.r.copy()
    r[70] = -3.0
    plot = drawn(replace(history, r_null95=level, r=r))
    assert plot._r.getViewBox().viewRange()[1] == pytest.approx(axis)
    assert np.isnan(plot._chance.getData()[1][50:60]).all()
    wide = drawn(_history(100, r=1.0, level=1.0))
    low, high = wide._r.getViewBox().viewRange()[1]
    assert low > -1.2
    assert high < 1.2


def test_enjoyment_without_usable_eeg_is_drawn_as_another_line(drawn):
    history = _history(100)
    usable = np.ones(100, dtype=bool)
    usable[40:60] = False
    plot = drawn(replace(history, usable=usable))
    _, sure = plot._mean.getData()
    _, held = plot._held.getData()
    assert np.flatnonzero(np.isnan(sure)).tolist() == list(range(40, 60))
    assert np.isfinite(held[39:61]).all()
    assert np.isnan(held[:38]).all()
    assert plot._mean.opts["pen"].style() != plot._held.opts["pen"].style()
