"""Controllers with two policies, no lead and no operator decide as they did when studies ran."""

from __future__ import annotations

from tests.golden.random_episodes import EPISODES, digest_episode, read_digests


def test_decisions_of_random_episodes_are_the_recorded_ones() -> None:
    recorded = read_digests()
    assert len(recorded) == EPISODES
    parted = [i for i in range(EPISODES) if digest_episode(i) != recorded[i]]
    assert not parted, f"episodes that decide otherwise: {parted}"
