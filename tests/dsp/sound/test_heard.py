import numpy as np

from dsp.sound.heard import HEARD_NAMES, Heard


def rows(n: int = 6) -> Heard:
    values = np.arange(n * len(HEARD_NAMES), dtype=np.float32).reshape(n, len(HEARD_NAMES))
    return Heard(10.0 + np.arange(n) / 64, values)


def test_columns_are_known_by_their_names() -> None:
    heard = rows()
    for i, name in enumerate(HEARD_NAMES):
        np.testing.assert_array_equal(heard.column(name), heard.values[:, i])
    np.testing.assert_array_equal(heard.play, heard.values[:, HEARD_NAMES.index("track")])
    assert heard.play.dtype == np.int64
    np.testing.assert_array_equal(heard.position_s, heard.column("position_s"))
    names = ("spectral_flux", "envelope_rise", "layer_envelope", "music_level_db")
    np.testing.assert_array_equal(heard.stimulus, np.stack([heard.column(n) for n in names], 1))


def test_cut_anywhere_and_joined_again_it_is_the_same() -> None:
    heard = rows()
    for n, now in enumerate([9.0, *heard.times]):
        head, rest = heard.until(now)
        assert (len(head), len(rest)) == (n, len(heard) - n)
        whole = Heard.joined([head, Heard.nothing(), rest])
        np.testing.assert_array_equal(whole.times, heard.times)
        np.testing.assert_array_equal(whole.values, heard.values)
        assert whole.values.dtype == np.float32
