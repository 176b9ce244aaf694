"""What sessions teach of one person, and what of it holds for another setup."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.clients.listener import Listener, learn
from app.loop.calibration import Theta
from app.loop.lesson import Excerpt, Lesson, PlayTaught, Setup
from dsp.checks import InputError
from dsp.enjoyment import EnjoymentModel
from dsp.grid import RATE
from playlists.listener_record import track_key
from playlists.tracks import Place, Track

NAMES = ("Fz", "Cz")
SETUP = Setup("Board", NAMES, 250.0, "Headphones")
TRACKS = tuple(Track(Path(f"{k}.wav"), f"Track {k}", "Somebody", 60.0) for k in range(4))


def excerpt(
    seed: int, *, answers: bool, seconds: int = 60, start: int = 1000, late: int = 13
) -> Excerpt:
    """Sound with onsets, and EEG that answers `late` grid points later or does not."""
    rng, n = np.random.default_rng(seed), seconds * RATE
    flux = (rng.random(n) < 0.06) * rng.uniform(0.5, 1.5, n)
    answer = np.convolve(np.roll(flux, late), np.hanning(12), mode="same")
    eeg = 10.0 * rng.standard_normal((n, 2))
    if answers:
        eeg += 20.0 * answer[:, None]
    return Excerpt.of(start * RATE, eeg, np.stack([flux, 0.0 * flux, 0.0 * flux - 30.0], axis=1))


def play(place: int, rating: float | None, *, db: float = 2.0, answers: bool = True) -> PlayTaught:
    ratings = () if rating is None else ((60.0 * place + 50.0, rating),)
    return PlayTaught(
        Place(place), 60.0 * place, 58.0, 0.97, ratings, None, None,
        Theta(5, db, 3.0, rating), excerpt(place, answers=answers),
    )  # fmt: skip


def lesson(*, answers: bool = True, setup: Setup | None = SETUP, ratings=(0.2, 0.8, 0.4, 0.9)):
    plays = tuple(play(k, r, db=2.0 + (r or 0.0), answers=answers) for k, r in enumerate(ratings))
    return Lesson(
        setup, plays, tracks=TRACKS, decoded=NAMES, at=1e9
    )  # fmt: skip


@pytest.fixture(scope="module")
def taught() -> tuple[Listener, tuple[str, ...]]:
    return learn(Listener(), lesson())


def test_a_session_teaches_answer_theta_weights_and_music(taught) -> None:
    listener, said = taught
    known, unsaid = listener.calibration_for(SETUP)
    assert unsaid == ()
    assert "is known from 4 min" in said[0]
    assert known.decoder is not None
    assert known.decoder.found
    assert known.theta_db == pytest.approx(2.5, abs=0.1)
    assert known.theta_sd > 0.0
    assert known.believed is not None
    assert known.n_ratings == 4
    assert [e.value for e in listener.record.events if e.kind == "rating"] == [0.2, 0.8, 0.4, 0.9]
    assert {e.track for e in listener.record.events} == set(map(track_key, TRACKS))


def test_an_eeg_that_answers_nothing_teaches_no_delay_and_says_so() -> None:
    listener, said = learn(Listener(), lesson(answers=False))
    known, _ = listener.calibration_for(SETUP)
    assert known.decoder is None
    assert "No answer to sound was found in 4 min" in said[0]


def test_what_was_learnt_survives_its_bytes(taught) -> None:
    listener, _ = taught
    again = Listener.from_bytes(listener.to_bytes())
    assert again.record == listener.record
    assert again.sessions == 1
    assert again.to_bytes() == listener.to_bytes()
    one, two = (who.calibration_for(SETUP)[0] for who in (listener, again))
    assert one.to_npz() == two.to_npz()
    assert one.same_headset


def test_another_output_takes_ratings_and_theta_along_and_no_delay(taught) -> None:
    known, said = taught[0].calibration_for(replace(SETUP, output="Loudspeaker"))
    assert known.decoder is None
    assert not known.same_headset  # levels are those of a decoder
    assert known.knows_theta
    assert known.n_ratings == 4
    assert "goes to Loudspeaker" in said[0]
    assert "found anew" in said[0]


def test_another_headset_takes_ratings_along_and_says_what_it_does_not(taught) -> None:
    known, said = taught[0].calibration_for(Setup("Band", ("AF7", "AF8"), 256.0, "Headphones"))
    assert known.decoder is None
    assert not known.knows_theta
    assert known.n_ratings == 4
    assert "Band is another headset than Board" in said[0]


def test_bytes_that_are_damaged_are_refused_in_a_sentence(taught) -> None:
    raw = taught[0].to_bytes()
    for damaged in (b"", raw[:200], raw[:-300], bytes(1000)):
        with pytest.raises(InputError, match="cannot be read"):
            Listener.from_bytes(damaged)


@pytest.mark.parametrize(
    "changes", [{"track": "nobody's"}, {"at": math.nan}, {"theta": Theta(1, 2.0, 0.0, 0.5)}]
)
def test_refusals_of_theta_of_a_play_that_cannot_be(taught, changes) -> None:
    known = taught[0].fitted[0]
    wrong = replace(known, plays=(replace(known.plays[0], **changes), *known.plays[1:]))
    with pytest.raises(InputError, match="has no track, no time or too few means"):
        Listener.from_bytes(replace(taught[0], fitted=(wrong,)).to_bytes())


def later(late: int, *, delay: float, answers: bool = True, known_from: int = 0) -> Lesson:
    """A second session whose answer comes elsewhere; the delay is told from one play on."""
    one = lesson(ratings=(None, None, None, None))
    plays = tuple(
        replace(
            play,
            excerpt=excerpt(20 + k, answers=answers, late=late),
            delay=delay if k >= known_from else math.nan,
        )
        for k, play in enumerate(one.plays)
    )
    return replace(one, plays=plays, at=1e9 + 86400.0)


def test_what_was_learnt_follows_an_answer_that_comes_later_today(taught) -> None:
    listener, said = learn(taught[0], later(13 + 13, delay=13 / RATE, known_from=1))
    before, after = (one.calibration_for(SETUP)[0].decoder for one in (taught[0], listener))
    assert "came 203 ms later than in earlier sessions" in said[0]
    # All but the play that ended before the delay was known; both days at the delay of today.
    assert listener.fitted[0].seconds == pytest.approx(4 * (60 - 13 / RATE) + 3 * 60, abs=1.0)
    assert after.lags.mean() - before.lags.mean() == pytest.approx(13, abs=4)
    assert after.r > 0.9 * before.r


def test_a_session_in_which_the_answer_was_not_seen_teaches_nothing_of_it(taught) -> None:
    listener, said = learn(taught[0], later(13, delay=math.nan, answers=False))
    assert "was not seen in this session" in said[0]
    assert listener.fitted[0].decoder is taught[0].fitted[0].decoder
    assert listener.fitted[0].excerpts == taught[0].fitted[0].excerpts
    assert listener.sessions == 2


def test_an_answer_beyond_the_search_is_learnt_anew_from_its_session_alone(taught) -> None:
    listener, said = learn(taught[0], later(60, delay=math.nan))
    assert "is learnt anew" in said[0]
    assert listener.fitted[0].seconds == pytest.approx(240.0, abs=1.0)
    assert listener.calibration_for(SETUP)[0].decoder.lags.max() >= 60


@pytest.mark.parametrize(("rise", "said"), [(6.0, "see the brain"), (0.3, "see to the contact")])
def test_closed_eyes_tell_whether_the_electrodes_see_a_brain(rise: float, said: str) -> None:
    _, told = learn(Listener(), replace(lesson(), alpha_rise=rise))
    assert any(said in one for one in told)


def test_a_session_without_headset_teaches_music_alone() -> None:
    listener, _ = learn(Listener(), lesson(setup=None))
    assert listener.fitted == ()
    assert len([e for e in listener.record.events if e.kind == "rating"]) == 4


def weight(listener: Listener) -> float:
    gains = np.array(EnjoymentModel().gains)
    known, _ = listener.calibration_for(SETUP)
    return float(known.believed.sum(axis=(1, 2))[gains > 0.0].sum())


@pytest.mark.parametrize(("slope", "rises"), [(3.0, True), (0.0, False), (-3.0, False)])
def test_theta_that_goes_with_the_ratings_earns_its_weight_over_sessions(slope, rises) -> None:
    listener, weights = Listener(), []
    for session in range(3):
        ratings = (0.1, 0.9, 0.3, 0.8)
        plays = tuple(
            replace(play(k, r, db=2.0 + slope * r), excerpt=None) for k, r in enumerate(ratings)
        )
        listener, _ = learn(listener, replace(lesson(), plays=plays, at=1e9 + session * 86400.0))
        weights.append(weight(listener))
    prior = EnjoymentModel().prior.sum(axis=(1, 2))[np.array(EnjoymentModel().gains) > 0.0].sum()
    assert (weights[-1] > prior + 0.2) == rises
    assert (weights[-1] > weights[0]) == rises


def test_a_session_that_teaches_again_teaches_no_more_of_the_eeg(taught) -> None:
    again, _ = learn(taught[0], lesson())
    assert again.fitted[0].plays == taught[0].fitted[0].plays
    assert weight(again) == weight(taught[0])


def test_a_play_that_nobody_rated_is_kept_and_no_rating_is_counted_for_it(taught) -> None:
    later_ = replace(lesson(ratings=(None, 0.8, None, None)), at=1e9 + 86400.0)
    known, _ = learn(taught[0], later_)[0].calibration_for(SETUP)
    assert len(known.plays) == 8
    assert known.n_ratings == 5


def test_what_the_eeg_counts_with_one_output_it_counts_with_another_from_both_on(taught) -> None:
    elsewhere = replace(SETUP, output="Loudspeaker")
    ratings = (0.1, 0.9, 0.3, 0.8)
    plays = tuple(
        replace(play(k, r, db=2.0 + 3.0 * r), excerpt=None) for k, r in enumerate(ratings)
    )
    second = replace(lesson(setup=elsewhere), plays=plays, at=1e9 + 86400.0)
    listener, _ = learn(taught[0], second)
    own, other = (listener.calibration_for(setup)[0] for setup in (SETUP, elsewhere))
    assert own.n_ratings == other.n_ratings == 8
    assert own.believed == pytest.approx(other.believed)
    assert own.decoder is not None
    assert other.decoder is None


def test_the_oldest_plays_are_let_go(monkeypatch, taught) -> None:
    monkeypatch.setattr("app.clients.listener._PLAYS", 6)
    listener, _ = learn(taught[0], replace(lesson(), at=1e9 + 86400.0))
    kept = listener.calibration_for(SETUP)[0]
    assert len(kept.plays) == 6
    assert listener.fitted[0].plays[-4:] == tuple(
        replace(one, at=one.at + 86400.0) for one in taught[0].fitted[0].plays
    )


def test_another_headset_takes_half_of_what_the_eeg_counted() -> None:
    ratings = (0.1, 0.9, 0.3, 0.8)
    plays = tuple(
        replace(play(k, r, db=2.0 + 3.0 * r), excerpt=None) for k, r in enumerate(ratings)
    )
    listener, _ = learn(Listener(), replace(lesson(), plays=plays))
    whole, _ = listener.calibration_for(SETUP)
    half, _ = listener.calibration_for(Setup("Band", ("AF7", "AF8"), 256.0, "Headphones"))
    prior = EnjoymentModel().prior
    odds = [np.log(w / w[2, 0, 0]) - np.log(prior / prior[2, 0, 0])
            for w in (whole.believed, half.believed)]  # fmt: skip
    assert odds[1] == pytest.approx(0.5 * odds[0], abs=1e-9)
