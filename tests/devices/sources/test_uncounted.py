"""Samples without a counter keep their places and times, whatever their stamps say."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.placing import SamplePlacer
from tests.doubles.stamped import Sender, run

ODD = {
    "jump:6,-3,11": "went back",
    "jump:8,15": "ahead",
    "jump:8,-3600": "went back",
    "jump:8,1.7e9": "ahead",
    "constant": "do not go with the time",
    "nominal": "fall behind",
    "ahead:4": "ahead",
    "epoch": "ahead",
    "zero": "behind",
    "epoch+jump:8,2": "ahead",
    "jump:8,-3+jump:12,5": "went back",
    "jump:8,0.5,14": "ahead",
    "jump:8,-0.4": "went back",
    "fast:0.01": "ahead",
    "odd:nan": "no numbers",
    "odd:inf": "no numbers",
    "odd:-5": "went back",
}


@pytest.mark.parametrize("busy", [False, True], ids=["calm", "busy"])
@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize("stamps", ODD)
def test_odd_stamps_move_no_row_lose_none_and_are_said_once(stamps, packet, busy):
    rates = {"stated": 256.0, "rate": 254.5} if stamps == "nominal" else {}
    result = run(Sender(stamps=stamps, packet=packet, busy=busy, seconds=16.0, **rates))
    assert result.worst_ms() < 30.0
    assert result.marked == 0
    said = [e.text for e in result.events if e.kind == "note"]
    assert len(said) == 1
    assert ODD[stamps] in said[0]
    assert "timed by their arrival" in said[0]


@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize("first", [(0, 1), (3, 4), (0, 24), (97, 98)])
@pytest.mark.parametrize("off", [-1e6, -1.5, -0.2, -0.04, 1e6])
def test_wild_stamps_of_the_first_moments_invent_no_row_and_no_time(off, first, packet):
    result = run(Sender(stamps=f"glitch:{first[0]},{first[1]},{off}", packet=packet, seconds=8.0))
    assert result.marked == 0
    assert result.worst_ms() < 5.0
    assert sum(event.value == "stamps" for event in result.events) <= 1


@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize(
    "stamps", ["jump:8,-3,18", "epoch", "fast:0.01", "jump:8,-3+jump:12,5", "odd:nan", "last"]
)
def test_lost_samples_are_found_in_odd_stamps_too(stamps, packet):
    result = run(Sender(stamps=stamps, packet=packet, loss=0.02, ppm=100.0, seconds=20.0))
    assert result.lost > 20
    assert abs(result.marked - result.lost) <= 1
    assert result.worst_ms() < 30.0


@pytest.mark.parametrize("stamps", ["jump:8,-3,14", "jump:8,15", "epoch+jump:8,2"])
def test_a_packet_that_is_lost_just_where_stamps_jump_is_found_by_arrival(stamps):
    result = run(Sender(stamps=stamps, packet=12, gap=(7.96, 0.048), seconds=20.0))
    assert result.lost == 12
    assert 11 <= result.marked <= 12
    assert result.worst_ms() < 30.0


@pytest.mark.parametrize("burst", [1, 3])
@pytest.mark.parametrize("loss", [0.005, 0.02, 0.05])
@pytest.mark.parametrize(("stated", "packet"), [(256.0, 12), (250.0, 1), (250.0, 4), (200.0, 2)])
def test_every_lost_sample_is_a_row_at_its_place_where_stamps_are_true(stated, packet, loss, burst):
    seconds = 300.0 if (loss, burst, packet) == (0.02, 1, 12) else 20.0
    result = run(
        Sender(stated=stated, packet=packet, loss=loss, burst=burst, seconds=seconds, ppm=40.0)
    )
    assert result.marked == result.lost
    assert not result.off.any()
    assert np.abs(result.error).max() < 1e-4
    assert result.events == []


@pytest.mark.parametrize("busy", [False, True], ids=["calm", "busy"])
@pytest.mark.parametrize("stamps", ["true", "none", "last"])
@pytest.mark.parametrize("packet", [1, 12])
def test_a_busy_host_invents_no_loss_and_moves_no_true_stamp(stamps, packet, busy):
    result = run(Sender(stamps=stamps, packet=packet, busy=busy, seconds=40.0))
    assert result.marked == 0
    assert result.worst_ms() < 3.0
    assert [e.value for e in result.events] in ([], ["losses"] if stamps == "none" else [])


@pytest.mark.parametrize(
    ("step", "packet", "busy"),
    [
        (0.008, 1, False),
        (0.008, 4, False),
        (0.008, 12, False),
        (0.012, 4, False),
        (0.008, 1, True),
        (0.012, 12, True),
        (0.016, 4, True),
        (0.02, 12, True),
        (0.024, 12, True),
    ],
)
def test_a_step_of_the_stamps_that_time_did_not_take_is_no_loss(step, packet, busy):
    result = run(Sender(stamps=f"jump:8,{step}", packet=packet, busy=busy, seconds=20.0))
    assert result.marked == 0
    assert result.worst_ms() < 30.0


@pytest.mark.parametrize("seed", [0, 3])
def test_a_busy_sender_at_half_the_stated_rate_loses_nothing_in_its_first_second(seed):
    result = run(Sender(stamps="none", rate=125.0, packet=2, busy=True, seconds=12.0, seed=seed))
    assert result.marked == 0


@pytest.mark.parametrize("stamps", ["true", "epoch", "last"])
@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize(
    ("stated", "rate"), [(128, 256), (256, 200), (250, 125), (250, 203), (256, 254.5)]
)
def test_the_real_rate_is_found_in_the_first_second_beside_losses(stated, rate, packet, stamps):
    result = run(
        Sender(stated=stated, rate=rate, packet=packet, stamps=stamps, loss=0.02, seconds=20.0)
    )
    assert result.rates == [pytest.approx(rate, rel=1e-3)]
    assert result.first < 0.5
    assert result.marked == result.lost
    assert np.abs(result.error).max() < (0.015 if stamps == "epoch" else 0.001)
    told = [e.text for e in result.events if e.kind == "rate"]
    expected = f"The amplifier states {stated} Hz, sends {rate}; the measured rate is used."
    assert told == [expected if abs(rate / stated - 1) > 0.03 else ""]


@pytest.mark.parametrize("stamps", ["none", "constant"])
@pytest.mark.parametrize(
    ("stated", "rate"), [(128, 256), (256, 200), (250, 125), (250, 203), (256, 254.5)]
)
def test_arrival_alone_finds_the_real_rate_within_seconds_and_calls_nothing_lost(
    stated, rate, stamps
):
    result = run(Sender(stated=stated, rate=rate, stamps=stamps, seconds=20.0))
    assert result.rates[-1] == pytest.approx(rate, rel=3e-3)
    assert result.marked == 0
    assert result.worst_ms(0.0) < 15.0
    assert result.worst_ms(5.0) < 6.0


@pytest.mark.parametrize("packet", [1, 2, 4, 12])
@pytest.mark.parametrize(("loss", "burst"), [(0.02, 1), (0.05, 1), (0.05, 3)])
@pytest.mark.parametrize("stamps", ["constant", "noise:0.0005+ahead:4", "noise:0.002"])
def test_rows_keep_their_time_and_the_rate_its_value_where_arrival_alone_shows_what_is_lost(
    stamps, loss, burst, packet
):
    result = run(Sender(stamps=stamps, packet=packet, loss=loss, burst=burst, seconds=24.0))
    assert result.lost > 50
    assert result.worst_ms(0.0) < 50.0
    assert result.rates == []
    assert result.marked == pytest.approx(result.lost, abs=12)
    assert sum("osses cannot be counted" in text for text in result.told) == 1


@pytest.mark.parametrize("stamps", ["constant", "noise:0.001+ahead:4"])
@pytest.mark.parametrize(("packet", "seed"), [(12, 0), (12, 1), (1, 0), (4, 1)])
def test_what_was_lost_while_the_computer_was_busy_is_put_in_the_middle(packet, seed, stamps):
    """Nobody knows which of the packets that were held up came before it."""
    result = run(
        Sender(stamps=stamps, packet=packet, loss=0.02, busy=True, seconds=40.0, seed=seed)
    )
    assert result.lost > 80
    assert result.worst_ms() < 30.0
    assert result.marked == pytest.approx(result.lost, abs=12)


@pytest.mark.parametrize("stamps", ["true", "last"])
@pytest.mark.parametrize("seed", [4, 22])
@pytest.mark.parametrize(("stated", "packet"), [(128.0, 60), (125.0, 25), (500.0, 40)])
def test_a_busy_computer_that_reads_few_long_packets_doubts_no_true_stamp(
    stated, packet, seed, stamps
):
    sender = Sender(stated=stated, packet=packet, stamps=stamps, seed=seed, busy=True, poll=0.002)
    result = run(sender)
    assert (result.marked, result.events) == (0, [])
    assert np.abs(result.error).max() < 1e-4


@pytest.mark.parametrize("packet", [1, 4, 12])
@pytest.mark.parametrize("rate", [254.0, 246.0, 205.0, 128.0])
@pytest.mark.parametrize("stamps", ["none", "epoch"])
def test_a_rate_that_changes_is_followed_where_stamps_are_of_no_clock_of_ours(stamps, rate, packet):
    result = run(Sender(stated=256.0, stamps=stamps, packet=packet, change=(8.0, rate)))
    assert result.rates[-1] == pytest.approx(rate, rel=5e-3)
    assert np.abs(result.error[result.at > 13.0]).max() < 0.03
    if stamps == "epoch":  # spread evenly: what was lost is known
        assert result.marked == 0


@pytest.mark.parametrize("packet", [1, 2, 4, 12])
@pytest.mark.parametrize(("loss", "burst"), [(0.005, 1), (0.05, 1), (0.05, 3)])
def test_boards_without_a_counter_keep_their_rows_and_say_that_losses_cannot_be_counted(
    packet, loss, burst
):
    result = run(
        Sender(stamps="none", stamped=False, packet=packet, loss=loss, burst=burst, seconds=30.0)
    )
    assert result.worst_ms(0.0) < 50.0
    assert [e.kind for e in result.events] == ["note"]
    assert "losses cannot be counted" in result.told[0]


@pytest.mark.parametrize("stamps", ["true", "none", "epoch", "constant", "last"])
@pytest.mark.parametrize("packet", [1, 4])
def test_what_had_piled_up_before_the_first_read_is_not_taken_for_a_rate(stamps, packet):
    result = run(Sender(stamps=stamps, packet=packet, piled=0.66, seconds=12.0))
    assert (result.marked, result.rates) == (0, [])
    assert result.worst_ms(1.0) < 10.0


def test_a_source_that_sends_a_second_at_once_is_calm():
    result = run(Sender(packet=250, seconds=60.0, busy=True))
    assert (result.marked, result.events) == (0, [])
    assert np.abs(result.error).max() < 1e-4
    assert result.first < 1.1
    lossy = run(Sender(packet=250, seconds=60.0, loss=0.05))
    assert lossy.lost > 0
    assert lossy.marked == lossy.lost


@pytest.mark.parametrize("stamps", ["true", "epoch", "none"])
@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_drift_is_followed(stamps, ppm):
    result = run(Sender(stamps=stamps, ppm=ppm, seconds=60.0))
    assert result.worst_ms() < 5.0
    assert result.marked == 0
    assert result.rates == []


@pytest.mark.parametrize("stamps", ["true", "epoch", "none"])
def test_a_gap_of_two_seconds_keeps_the_rows_exact(stamps):
    result = run(Sender(stamps=stamps, gap=(15.0, 2.0), packet=4))
    assert (result.marked, result.lost) == (500, 500)
    assert not result.off.any()
    assert result.worst_ms() < 5.0


@pytest.mark.parametrize("packet", [1, 4])
@pytest.mark.parametrize("rate", [254.0, 246.0, 225.0, 205.0, 128.0])
def test_a_rate_that_changes_meanwhile_is_told_and_no_sample_is_called_lost(rate, packet):
    result = run(Sender(stated=256.0, packet=packet, change=(10.0, rate), seconds=26.0))
    assert result.marked == 0
    assert result.rates[-1] == pytest.approx(rate, rel=5e-3)
    assert result.worst_ms(14.0) < 30.0


@pytest.mark.parametrize("busy", [False, True], ids=["calm", "busy"])
@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize("behind", [0.04, 0.15, 0.7])
def test_stamps_that_lag_and_then_do_not_are_no_lost_samples(behind, packet, busy):
    result = run(Sender(stamps=f"jump:0,-{behind},9", packet=packet, busy=busy, seconds=20.0))
    assert result.marked == 0
    assert result.worst_ms(12.0) < 30.0


@pytest.mark.parametrize(("packet", "loss"), [(1, 0.0), (4, 0.02), (12, 0.02)])
@pytest.mark.parametrize("step", [0.012, 0.016, 0.04])
def test_a_small_jump_of_the_stamps_costs_no_packet(step, packet, loss):
    result = run(Sender(stamps=f"jump:8,{step}", packet=packet, loss=loss, seconds=20.0))
    assert result.marked == pytest.approx(result.lost, abs=3)
    assert result.worst_ms() < 30.0


@pytest.mark.parametrize("packet", [1, 4, 12])
@pytest.mark.parametrize(("stated", "rate"), [(200, 800), (256, 128), (125, 250), (500, 1100)])
def test_stamps_of_the_stated_rate_hide_no_real_one(stated, rate, packet):
    sender = Sender(stated=stated, rate=rate, packet=packet, stamps="nominal", seconds=16.0)
    result = run(sender)
    assert result.marked == 0
    assert result.rates[-1] == pytest.approx(rate, rel=5e-3)
    assert result.worst_ms() < 10.0
    assert sum("states" in text for text in result.told) >= 1


@pytest.mark.parametrize("packet", [1, 4])
@pytest.mark.parametrize("stamps", ["constant", "noise:0.003"])
def test_it_is_said_once_where_stamps_show_no_loss(stamps, packet):
    result = run(Sender(stamps=stamps, packet=packet, loss=0.03, seconds=9.0))
    assert sum("osses cannot be counted" in text for text in result.told) == 1


@pytest.mark.parametrize("stated", [200.0, 250.0, 500.0])
@pytest.mark.parametrize("step", [0.006, 0.010, 0.015625])
def test_stamps_of_a_coarse_clock_invent_no_row_and_no_rate(step, stated):
    result = run(Sender(stated=stated, stamps=f"coarse:{step}", seconds=14.0))
    assert result.marked == 0
    assert result.rates == []
    assert result.worst_ms() < 30.0


def test_a_backlog_of_few_reads_after_a_pause_is_judged_and_is_no_fault():
    """Without stamps or counter: ten calm seconds, one of silence, and then half as much again."""
    placer, t, sent, rows = SamplePlacer(250.0, stamped=False), 0.0, 0, 0
    while t < 20.0:
        t += 0.02
        new = int(250.0 * min(t, max(10.0, 10.0 + 1.5 * (t - 11.0)))) - sent
        if new > 0:
            sent += new
            arrivals = t - np.arange(new)[::-1] * min(0.004, 0.02 / new)
            placed = placer.place(np.ones((new, 1), np.float32), arrivals, seen=t)
            rows += 0 if placed is None else placed[0].times.size
    assert rows >= sent - 25


@pytest.mark.parametrize("faster", [1.03, 1.2, 3.0])
@pytest.mark.parametrize("pause", [0.4, 1.9])
@pytest.mark.parametrize(
    "sends",
    [
        {"packet": 12, "loss": 0.02},
        {"packet": 1, "loss": 0.02},
        {"packet": 100, "poll": 0.002},
        {"packet": 4, "busy": True},
        {"packet": 2, "stamps": "noise:0.0002"},
        {"packet": 12, "stated": 256.0, "rate": 250.3},
    ],
)
def test_true_stamps_stay_true_while_a_backlog_comes_in(sends, pause, faster):
    result = run(Sender(seconds=22.0, backlog=(8.0, pause, faster), **sends))
    assert result.worst_ms(0.0) < 10.0
    assert result.marked == result.lost
    assert [e.text for e in result.events if e.kind == "note" and e.value == "stamps"] == []
    assert len(result.rates) == ("rate" in sends)


@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize("pause", [1.0, 2.0])
@pytest.mark.parametrize(
    "sends", [{"stamps": "epoch"}, {"stamps": "none"}, {"stamps": "none", "stamped": False}]
)
def test_a_backlog_that_comes_fast_is_no_other_rate_where_only_arrival_tells(sends, pause, packet):
    result = run(Sender(packet=packet, backlog=(8.0, pause, 1.5), seconds=22.0, **sends))
    assert result.marked == 0
    assert result.worst_ms(0.0) < 30.0
    assert result.rates == []


@pytest.mark.parametrize(
    ("clock", "packet", "stated"),
    [
        (1 / 30, 1, 250.0),
        (1 / 30, 4, 250.0),
        (1 / 30, 12, 250.0),
        (0.05, 4, 250.0),
        (0.05, 12, 250.0),
        (0.05, 12, 200.0),
        (0.1, 12, 250.0),
    ],
)
def test_stamps_of_a_clock_that_stands_still_between_its_steps_are_not_believed(
    clock, packet, stated
):
    result = run(Sender(stamps=f"coarse:{clock}", packet=packet, stated=stated, seconds=16.0))
    assert result.worst_ms() < 30.0
    assert result.marked == 0
    assert sum(e.value == "stamps" for e in result.events) == 1


def test_a_backlog_behind_a_loss_or_beside_a_busy_computer_is_one_too():
    lost = run(Sender(gap=(8.0, 1.6), backlog=(9.1, 0.5, 1.05), packet=2, seconds=24.0))
    assert lost.worst_ms(0.0) < 10.0
    assert lost.marked == lost.lost
    busy = run(
        Sender(backlog=(8.94, 0.24, 1.05), packet=7, loss=0.02, busy=True, poll=0.002, seed=21)
    )
    assert busy.worst_ms(0.0) < 10.0
    assert busy.marked == busy.lost


@pytest.mark.parametrize("poll", [0.001, 0.02])
@pytest.mark.parametrize("busy", [False, True], ids=["calm", "busy"])
def test_a_stamp_that_is_no_number_loses_no_row_though_it_is_read_alone(poll, busy):
    result = run(Sender(stamps="odd:nan", poll=poll, busy=busy, seconds=14.0))
    assert result.marked == 0
    assert result.rates == []


@pytest.mark.parametrize("jump", [-0.4, -3.0, 0.4])
def test_stamps_that_jump_over_a_silence_are_no_backlog(jump):
    """What is old after a silence must grow younger, or the stamps are not true."""
    result = run(Sender(stamps=f"jump:8.2,{jump}", packet=4, backlog=(8.0, 0.5, 6.0), seconds=25.0))
    assert result.worst_ms(13.0) < 30.0
    assert result.marked == 0
    assert sum(e.value == "stamps" for e in result.events) == 1


def test_rows_that_come_at_a_third_of_the_rate_in_use_show_the_right_one_and_not_lost_ones():
    back = run(Sender(rate=750.0, change=(8.0, 250.0), stamps="none", packet=2, seconds=24.0))
    assert back.rates[-1] == pytest.approx(250.0, rel=0.01)
    assert back.marked < 0.02 * len(back.times)


@pytest.mark.parametrize("rate", [250.0, 254.5, 255.0])
@pytest.mark.parametrize("packet", [50, 100, 128, 256])
def test_stamps_counted_at_a_wrong_rate_are_noticed_in_long_packets_too(packet, rate):
    sender = Sender(stated=256.0, rate=rate, packet=packet, stamps="nominal", poll=0.002)
    result = run(sender)
    assert result.worst_ms() < 30.0
    assert result.marked == 0
    assert sum("fall behind" in text for text in result.told) == 1


@pytest.mark.parametrize("lost", [(), (4, 9)])
@pytest.mark.parametrize("pause", [2e-4, 0.03])
@pytest.mark.parametrize("packet_s", [1.2, 2.0, 4.0])
def test_a_long_packet_that_is_read_in_four_parts_is_of_one_piece(packet_s, pause, lost):
    n, placer, rows, times = int(250 * packet_s), SamplePlacer(250.0), [], []
    for k in range(16):
        if k in lost:
            continue
        stamps = 5000.0 + (n * k + np.arange(n)) / 250.0
        for part, number in enumerate(np.array_split(np.arange(n), 4)):
            data = (n * k + number)[:, None].astype(np.float32)
            seen = float(stamps[-1]) + 0.001 + pause * part
            placed = placer.place(data, stamps[number], seen=seen)
            if placed is not None:
                rows.append(placed[0].data[:, 0])
                times.append(placed[0].times)
    assert [event for event in placer.events() if event.kind != "timing"] == []
    row, time = np.concatenate(rows), np.concatenate(times)
    assert row.size >= 15 * n
    assert np.array_equal(np.flatnonzero(np.isnan(row)) // n, np.repeat(lost, n))
    came = np.isfinite(row)
    assert np.array_equal(row[came], np.flatnonzero(came))
    assert np.abs(time - 5000.0 - np.arange(row.size) / 250.0).max() < 1e-4


@pytest.mark.parametrize("stamps", ["ahead:4", "constant", "none", "epoch", "noise:0.001+ahead:4"])
@pytest.mark.parametrize("seed", [1, 2])
def test_seconds_lost_of_bursts_whose_stamps_are_doubted_are_found_by_arrival(stamps, seed):
    result = run(Sender(stamps=stamps, packet=250, loss=0.05, seconds=60.0, seed=seed))
    assert result.lost >= 250
    assert result.marked == result.lost
    assert result.worst_ms(0.0) < 50.0


@pytest.mark.parametrize(("stated", "rate"), [(125.0, 100.0), (250.0, 200.0)])
def test_long_packets_counted_back_at_a_wrong_rate_lose_nothing_before_each_for_ever(stated, rate):
    result = run(Sender(stated=stated, rate=rate, packet=60, stamps="last", busy=True, seed=60))
    assert result.rates[-1] == pytest.approx(rate, rel=1e-3)
    assert result.worst_ms(8.0) < 10.0
    assert not np.diff(result.off[result.at > 6.0]).any()


@pytest.mark.parametrize("packet", [1, 4, 12])
def test_a_rate_that_halves_is_no_loss_of_every_second_sample(packet):
    result = run(Sender(stated=256.0, stamps="none", packet=packet, change=(8.0, 128.0)))
    assert result.rates[-1] == pytest.approx(128.0, rel=1e-2)
    assert result.marked < 100  # until it shows


@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize("pause", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(
    "sends", [{"stamps": "epoch"}, {"stamps": "none"}, {"stamps": "none", "stamped": False}]
)
def test_what_comes_hardly_faster_after_a_silence_is_what_it_held_back(sends, pause, packet):
    result = run(Sender(packet=packet, backlog=(8.0, pause, 1.05), seconds=40.0, **sends))
    assert result.marked == 0
    assert result.worst_ms(0.0) < 30.0
    assert result.rates == []


@pytest.mark.parametrize("seed", [0, 1])
def test_one_packet_after_a_silence_shows_no_spread_of_stamps(seed):
    """Stamps given one after the other at sending are microseconds apart in a packet."""
    rng, placer, lost = np.random.default_rng(seed), SamplePlacer(250.0), 0
    for k in range(600):
        at = 0.048 * (k + 1) + 0.03 * rng.random()
        seen = 5000.0 + (9.0 + 1e-3 * (k % 12) if 8.0 < at < 9.0 else at)
        stamps = seen - 1e-4 + 2e-6 * np.arange(12)
        placed = placer.place(np.ones((12, 1), np.float32), stamps.tolist(), seen=seen)
        lost += 0 if placed is None else int(placed[1].sum())
    assert lost == 0
    assert [e.value for e in placer.events() if e.kind == "rate"] == []
