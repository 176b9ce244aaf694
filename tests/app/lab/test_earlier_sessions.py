"""Calibrations from earlier sessions: the same from their seed, honest where nothing answers."""

import math

import numpy as np
import pytest

from app.lab import earlier_sessions
from app.lab.earlier_sessions import (
    N_CHECKS,
    Listened,
    calibrate_listener,
    check_z,
    listen,
    ten_second_means,
    theta_baseline,
)
from app.lab.simulate_demo import starter
from app.loop.calibration import load_calibration
from devices.listener import LISTENERS, MONTAGE
from dsp.enjoyment import CHECK_SE, EnjoymentFilter, EnjoymentModel
from dsp.reward import ThetaScore
from dsp.sound.heard import Heard

SHORT = {
    "N_DECODER": 2,
    "DECODER_SECONDS": 25.0,
    "N_SESSIONS": 1,
    "N_RATED": 5,
    "RATED_SECONDS": 34.0,
    "N_CHECKS": 1,
    "CHECK_SECONDS": 45.0,
}


@pytest.fixture(scope="module")
def taught():
    """Earlier sessions of some minutes instead of forty; what the decoder would be taught.

    The search for the decoder itself takes half a minute and is tested where it lives.
    """
    given = []

    def note(recordings, **how):
        given.append((recordings, how))
        return load_calibration("silent").decoder

    with pytest.MonkeyPatch.context() as patched:
        for name, value in SHORT.items():
            patched.setattr(earlier_sessions, name, value)
        patched.setattr(earlier_sessions, "calibrate", note)
        yield given


@pytest.fixture(scope="module")
def clear(taught):
    """Calibrations of the clear listener from seeds 3, 3 and 4, each with what it was taught."""
    tracks = list(starter().values())
    made = [calibrate_listener("clear", tracks, seed=s) for s in (3, 3, 4)]
    return list(zip(made, taught[-3:], strict=True))


def arrays(calibration):
    parts = {k: np.asarray(v) for k, v in calibration.decoder.to_arrays().items()}
    numbers = (calibration.theta_db, calibration.theta_sd, *calibration.checks)
    return parts | {"numbers": np.array(numbers)}


def trust(checks):
    return EnjoymentFilter(EnjoymentModel(), checks=checks).eeg_weight


def scores(values, *, start=0.0):
    return tuple(
        ThetaScore(start + 2.0 * k, start + 2.0 * k + 2.0, float(v), 1.0, True)
        for k, v in enumerate(values)
    )


def heard_with(values, rating=0.5):
    return Listened((), Heard.nothing(), scores(values), rating)


def sound_and_eeg(recordings):
    """Everything that a decoder is taught from, as bytes."""
    out = []
    for blocks, (heard, times) in recordings:
        out += [heard.tobytes(), times.tobytes()]
        out += [part.tobytes() for b in blocks for part in (b.eeg, b.times, b.valid)]
    return out


def test_a_calibration_is_the_same_again_from_its_seed_and_another_from_another(clear):
    a, b, c = (arrays(one)["numbers"].tobytes() for one, _ in clear)
    assert a == b
    assert a != c
    (_, (first, how)), (_, (again, how_again)), (_, (other, _)) = clear
    assert how == how_again
    assert how["ch_names"] == MONTAGE
    assert sound_and_eeg(first) == sound_and_eeg(again)
    assert sound_and_eeg(first) != sound_and_eeg(other)


@pytest.mark.slow
def test_no_belief_is_earned_where_theta_answers_nothing(taught):
    tracks = list(starter().values())
    made = [calibrate_listener("silent", tracks, seed=s) for s in range(2)]
    checks = [z for one in made for z in one.checks]
    assert max(map(abs, checks)) < 3.0
    assert np.mean([trust((z,)) for z in checks]) < trust(()) + 0.1


def test_the_decoder_sees_sound_and_eeg_of_as_many_tracks_as_it_should(clear):
    _, (recordings, _) = clear[0]
    assert len(recordings) == SHORT["N_DECODER"]
    for blocks, (heard, times) in recordings:
        assert heard.shape == (times.size, 4)
        assert np.all(np.diff(times) > 0.0)
        assert sum(len(b.seconds) for b in blocks) >= SHORT["DECODER_SECONDS"] - 3.0


@pytest.mark.parametrize("name", sorted(LISTENERS))
def test_shipped_calibrations_hold_what_was_asked_for(name):
    known = load_calibration(name)
    assert known.name == name
    assert len(known.checks) == N_CHECKS
    assert known.decoder.lags.tolist() == list(
        range(known.decoder.lags[0], known.decoder.lags[-1] + 1, 3)
    )
    assert known.decoder.levels.size == len(MONTAGE)
    assert not known.decoder.bleed
    assert 0.3 < known.theta_sd < 5.0
    assert tuple(known.decoder.ch_names) == MONTAGE


def test_shipped_calibrations_tell_the_listeners_apart():
    clear, typical, silent = (load_calibration(n) for n in ("clear", "typical", "silent"))
    assert clear.decoder.found
    assert not silent.decoder.found
    # Each z has an error of 1: what all checks say together is what a calibration shows.
    together = [sum(c.checks) / math.sqrt(len(c.checks)) for c in (clear, typical, silent)]
    assert together[0] > 4.0
    assert max(map(abs, together[1:])) < 2.6
    assert trust(clear.checks) > 0.99
    # Checks that found nothing must not raise belief; those of an ordinary scalp, whose theta says
    # little, hardly move it.
    assert trust(silent.checks) < trust(())
    assert abs(trust(typical.checks) - trust(())) < 0.1


def test_a_saved_calibration_is_read_back_exactly(tmp_path):
    known = load_calibration("clear")
    (tmp_path / "copy.npz").write_bytes(known.to_npz())
    back = load_calibration(str(tmp_path / "copy.npz"))
    a, b = arrays(known), arrays(back)
    assert all(a[k].tobytes() == b[k].tobytes() for k in a)


def test_the_listener_hides_its_enjoyment_behind_ratings_of_nine_steps():
    """What calibration sees of enjoyment is the rating: near the truth, and no more than that."""
    tracks = list(starter().values())
    plays = [(tracks[i], liking) for i, liking in enumerate((0.9, 0.1, 0.9, 0.1))]
    listened = listen("clear", 11, plays, seconds=30.0)
    ratings = np.array([one.rating for one in listened])
    assert np.all(ratings * 8 == np.round(ratings * 8))
    assert ratings[[0, 2]].min() > ratings[[1, 3]].max()
    assert not np.allclose(ratings, [0.9, 0.1, 0.9, 0.1], atol=1e-9)
    for one in listened:
        spans = [(s.t0, s.t1) for s in one.theta]
        assert spans == sorted(spans)
        assert one.theta[0].t0 >= one.heard.times[0] + earlier_sessions.SETTLE - 1.0


def test_the_baseline_is_the_line_through_the_tracks_at_middling_enjoyment():
    tracks = [heard_with(np.full(20, 2.0 + 4.0 * (r - 0.5)), r) for r in (0.25, 0.5, 1.0)]
    assert theta_baseline(tracks)[0] == pytest.approx(2.0)
    rng = np.random.default_rng(0)
    drawn = [heard_with(rng.normal(5.0, math.sqrt(5.0), 400), r) for r in (0.25, 0.5, 0.75)]
    level, sd = theta_baseline(drawn)
    assert level == pytest.approx(5.0, abs=0.3)
    assert sd == pytest.approx(1.0, abs=0.1)  # mean of five with variance 5


def test_ten_second_means_are_of_five_scores_and_drop_the_rest():
    assert ten_second_means(scores(range(12))).tolist() == [2.0, 7.0]


def test_a_check_counts_standard_errors_and_knows_its_sign():
    neutral = heard_with(np.full(40, 3.0))
    loved = heard_with(np.full(40, 3.0 + 2.0 * 1.5 * CHECK_SE))
    assert check_z(loved, neutral, sd=1.5) == pytest.approx(2.0)
    assert check_z(neutral, loved, sd=1.5) == pytest.approx(-2.0)
