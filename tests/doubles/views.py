"""One second as the policy sees it: enjoyment is low, and nothing stands in the way of acting."""

from app.loop.decision import View
from playlists.choice import Candidate

POOL = tuple(Candidate(place=i, mean=0.55, sd=0.2, eligible=i != 0) for i in range(4))
LOW = View(
    now=1000.0,
    play=0,
    position=30.0,
    remaining=110.0,
    mean=0.2,
    sd=0.1,
    p_low=0.97,
    usable=True,
    reason="",
    twin_p_low=0.35,
    trust=0.99,
    ever_following=True,
    rating=None,
    n_ratings=0,
    on_hold=False,
    paused=False,
    cued=False,
    changing=False,
    asked=(),
    candidates=POOL,
    repeats=POOL,
    titles=("One", "Two", "Three", "Four"),
)
