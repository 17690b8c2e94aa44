"""Where threads go: by their names alone, and steadily as a share grows."""

import math

from hypothesis import given
from hypothesis import strategies as st

from pointsman.teams.releases.channels import Channels, place

NAMES = st.text(max_size=20)
SHARES = st.floats(0, 1)


def on_trial(share: float) -> Channels:
    """A canary beside production."""
    return Channels(team="shop", version=3, canary="new", share=share, production="old")


@given(NAMES, NAMES, SHARES, SHARES)
def test_growing_the_share_only_adds_threads(tenant: str, thread: str, a: float, b: float) -> None:
    """A thread that has the canary at a share has it at every greater one."""
    small, great = sorted((a, b))
    if on_trial(small).pick(tenant, thread, serves="production") == "new":
        assert on_trial(great).pick(tenant, thread, serves="production") == "new"


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_place_lies_in_its_range(names: list[str]) -> None:
    """Never 1, so that a share of 1 is every thread, and a share of 0 none."""
    at = place(*names)
    assert 0.0 <= at < 1.0
    assert at == place(*names)


@given(NAMES, NAMES)
def test_the_ends_are_exact(tenant: str, thread: str) -> None:
    """With 0 nobody begins with the canary, with 1 everybody does."""
    assert on_trial(0.0).pick(tenant, thread, serves="production") == "old"
    assert on_trial(1.0).pick(tenant, thread, serves="production") == "new"


def test_a_place_stays_the_same_for_ever() -> None:
    """Threads would change release if the hash did: these are pinned."""
    assert [round(place("shop", "acme", name), 6) for name in ("a", "b")] == [0.642432, 0.734419]


def test_shares_are_kept_over_many_threads() -> None:
    """Of 20,000 threads as many begin with the canary as the share says, within 4 standard errors,
    whichever share."""
    threads = [f"thread-{n}" for n in range(20_000)]
    for share in (0.01, 0.1, 0.5):
        channels = on_trial(share)
        new = sum(channels.pick("acme", t, serves="production") == "new" for t in threads)
        error = math.sqrt(len(threads) * share * (1 - share))
        assert abs(new - len(threads) * share) < 4 * error


def test_tenants_and_teams_are_spread_apart() -> None:
    """The same thread's name under another tenant or team is another draw."""
    places = {place(team, tenant, "t") for team in "ab" for tenant in "cd"}
    assert len(places) == 4


def test_a_process_may_serve_what_is_staged_or_nothing() -> None:
    """Staging comes first where it is asked for; `none` is the files as they are."""
    channels = Channels(team="shop", version=1, staging="next", production="old")
    assert channels.pick("t", "x", serves="staging") == "next"
    assert channels.pick("t", "x", serves="production") == "old"
    assert channels.pick("t", "x", serves="none") == ""
    assert Channels(team="shop", production="old").pick("t", "x", serves="staging") == "old"


def test_a_flag_may_stand_in_for_the_share() -> None:
    """A share that is given counts in place of the stored one."""
    assert on_trial(0.0).pick("t", "x", serves="production", share=1.0) == "new"


def test_a_release_knows_its_channels() -> None:
    """Each channel it is in, in order."""
    channels = Channels(team="shop", staging="a", canary="b", production="a")
    assert channels.where("a") == ("staging", "production")
    assert channels.where("c") == ()
