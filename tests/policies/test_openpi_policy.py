"""A remote policy: it is the policy behind the wire, and refuses settings that cannot work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aegis.app.comparison.metering import Wired
from aegis.core.conventions import Conventions, read_conventions
from aegis.core.errors import (
    AbsentAnswerError,
    AegisError,
    ConfigError,
    MachineError,
    UnknownNameError,
)
from aegis.core.protocols import Policy
from aegis.host.notes import write_note
from aegis.serve.access import Access
from policies.openpi.messages import pack_queries
from policies.views import View
from tests.policies.openpi_peers import (
    TOKEN,
    is_same,
    make_answer,
    make_metadata,
    open_policy,
    opened,
    run_answers,
)
from tests.serve.toys import (
    KEYS,
    MEANT,
    SIDE,
    Plain,
    SeeingPolicy,
    make_layout,
    make_query,
    serve_policy,
)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("sockets", [1, 3, 16])
def test_it_is_the_policy_behind_the_wire(mirror: bool, sockets: int) -> None:
    here = SeeingPolicy("far", samples=2)
    queries = [make_query(i, k=5 * i, salt=i % 2) for i in range(13)]
    there, layout = SeeingPolicy(samples=2), make_layout(mirror=mirror)
    with serve_policy(there, layout, wait=0.002) as (url, _), opened(url, sockets=sockets) as far:
        assert isinstance(far, Policy)
        assert far.spec == replace(here.spec, remote=True)
        assert read_conventions(far) == MEANT
        for _ in range(2):
            answers = far.propose(queries)
            assert all(map(is_same, answers, here.propose(queries)))
            assert [one.policy for one in answers if one] == ["far"] * 13
        assert far.propose([]) == []


def test_what_is_executed_meanwhile_and_what_was_seen_before_go_along() -> None:
    policy = SeeingPolicy(history=(3, 1, 0))
    rows = np.full((2, 3), 0.25, np.float32)
    query = make_query(1, k=7)
    past = (make_query(2).obs, make_query(3).obs)
    query = replace(query, due=9, committed=rows, past=past)
    with serve_policy(policy) as (url, _), opened(url) as far:
        assert far.spec.history == (3, 1, 0)
        [answer] = far.propose([query])
    [there] = policy.seen
    assert (there.key, there.k, there.salt, there.due) == (query.key, 7, 0, 9)
    assert there.committed is not None
    assert there.committed.tobytes() == rows.tobytes()
    for sent, come in zip((*past, query.obs), (*there.past, there.obs), strict=True):
        assert sent.proprio.tobytes() == come.proprio.tobytes()
        assert all(np.array_equal(sent.images[c], come.images[c]) for c in KEYS)
    [here] = SeeingPolicy(history=(3, 1, 0)).propose([query])
    assert is_same(answer, here)


def test_a_plain_server_is_what_the_configuration_says() -> None:
    """Its answers depend on the order of questions, so that rows cannot be paired."""
    plain = {"digest": "pi05", "gripper": "open_positive"}
    with serve_policy(kind=Plain) as (url, _), opened(url, **plain) as far:
        assert (far.spec.digest, far.spec.taps) == ("pi05", {})
        assert (far.spec.horizon, far.spec.execute) == (8, 4)
        assert far.spec.cameras == {"agentview": (SIDE, SIDE), "wrist": (SIDE, SIDE)}
        assert not far.spec.batch_invariant
        assert far.spec.remote
        assert read_conventions(far) == Conventions("", "", "open_positive", "upright")
        [answer] = far.propose([make_query()])
        assert answer is not None
        assert answer.actions.shape == (8, 3)


def test_views_say_which_way_round_a_plain_server_looks() -> None:
    policy = SeeingPolicy()
    views = [
        View("agentview", "observation/wrist_image", (SIDE, SIDE), True),
        View("wrist", "observation/image", (SIDE, SIDE), False),
    ]
    query = make_query()
    layout = make_layout(mirror=False)
    with serve_policy(policy, layout, kind=Plain) as (url, _), opened(url, views=views) as far:
        far.propose([query])
    [seen] = policy.seen
    images = query.obs.images
    assert np.array_equal(seen.obs.images["wrist"], images["agentview"][:, ::-1])
    assert np.array_equal(seen.obs.images["agentview"], images["wrist"])


def test_the_token_opens_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("FAR_TOKEN", TOKEN)
    with serve_policy(access=Access("127.0.0.1", 0, TOKEN)) as (url, _):
        for settings in ({"token_file": str(tmp_path / "token")}, {"token_variable": "FAR_TOKEN"}):
            with opened(url, **settings) as far:
                assert far.propose([make_query()])[0] is not None
        with pytest.raises(MachineError, match=r"this client's token \(401\).*token_file=PATH"):
            open_policy(url)


def test_a_server_that_is_full_says_so() -> None:
    with serve_policy(connections=1) as (url, _), opened(url, sockets=1):
        says = r"takes nobody.*503.*1 clients are connected; that is the limit.*max_connections"
        with pytest.raises(MachineError, match=says):
            open_policy(url)


def test_a_server_that_is_going_away_is_to_be_started_again() -> None:
    with serve_policy() as (url, server):
        server._ending = True
        with pytest.raises(MachineError, match=r"going away.*503.*run the same command"):
            open_policy(url)


def test_a_host_that_does_not_exist_is_named() -> None:
    says = "cannot be found: its host has no address. Mend the url"
    with pytest.raises(MachineError, match=says):
        open_policy("wss://no.such.host.invalid:8000")


def test_a_token_for_another_machine_is_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    write_note.cache_clear()
    with pytest.raises(MachineError):
        open_policy("ws://no.such.host.invalid:1", token_file=str(tmp_path / "token"))
    assert "read the token and all pictures" in caplog.text


def test_bytes_are_counted() -> None:
    first, answer, query = make_metadata(), make_answer(), make_query()
    with run_answers(answer, answer) as url, opened(url, sockets=1) as far:
        assert isinstance(far, Wired)
        assert far.wire_bytes == len(first)
        sent = len(pack_queries([query], far.server))
        for times in (1, 2):
            far.propose([query])
            assert far.wire_bytes == len(first) + times * (sent + len(answer))


def test_several_sockets_of_bytes_are_counted_together() -> None:
    with serve_policy() as (url, _), opened(url, sockets=3) as far:
        before = far.wire_bytes
        far.propose([make_query(i) for i in range(3)])
        assert far.wire_bytes - before > 3 * len(pack_queries([make_query()], far.server))


class HalfSilent(SeeingPolicy):
    """Gives no answer to every second question."""

    def propose(self, queries: Any) -> Any:
        found = super().propose(queries)
        return [None if one.key.index % 2 else found[i] for i, one in enumerate(queries)]


@pytest.mark.parametrize("count", [1, 5])
def test_answers_that_a_policy_did_not_give_are_held_for_or_named(count: int) -> None:
    queries = [make_query(i) for i in range(5 - count, 5)]
    queries[0] = make_query(1)
    with serve_policy(HalfSilent()) as (url, _):
        with opened(url, sockets=1, on_missing="hold") as far:
            answers = far.propose(queries)
            assert [one is None for one in answers] == [q.key.index % 2 == 1 for q in queries]
        with (
            opened(url, sockets=1) as far,
            pytest.raises(AbsentAnswerError, match=r"'far' at ws.*'seeing' gave no answer at tick"),
        ):
            far.propose(queries)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "http://127.0.0.1:1"}, "ws://HOST:PORT"),
        ({"url": "ws://"}, "ws://HOST:PORT"),
        ({"url": "ws://gpu:8000"}, "anybody in between"),
        ({"certificate": "x.pem"}, "for wss://"),
        ({"url": "wss://127.0.0.1:1", "certificate": "/no/x.pem"}, "holds no certificates"),
        ({"sockets": 0}, "sockets"),
        ({"deadline": 0.0}, "deadline"),
        ({"max_bytes": 3}, "bytes"),
        ({"on_missing": "guess"}, "raise, hold"),
        ({"execute": 9}, "execute <= horizon"),
        ({"token_file": "/no/token"}, "cannot be read"),
        ({"views": [View("a", "k", (8, 8), True)] * 2}, "of their own"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings: Any, says: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=says):
        open_policy(**{"url": "ws://127.0.0.1:1", **settings})


def test_a_picture_that_is_missing_is_named() -> None:
    with serve_policy() as (url, _), opened(url) as far:
        query = make_query()
        obs = replace(query.obs, images={"agentview": query.obs.images["agentview"]})
        with pytest.raises(AegisError, match="observation/wrist_image"):
            far.propose([replace(query, obs=obs)])


def test_questions_share_frames_as_far_as_they_fit() -> None:
    queries = [make_query(i) for i in range(9)]
    here = SeeingPolicy("far", batch=16).propose(queries)
    for room, frames in ((1 << 20, 1), (16_000, 3), (5_000, 9)):
        policy = SeeingPolicy(batch=16)
        with serve_policy(policy, room=room) as (url, _), opened(url, sockets=1) as far:
            assert all(map(is_same, far.propose(queries), here))
        assert len(policy.batches) == frames
