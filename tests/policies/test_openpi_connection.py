"""The connection of a remote policy: lost, taken over, late, forked, shared by threads."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from websockets.sync.server import ServerConnection

from aegis.core.errors import ConfigError, MachineError, MessageError
from aegis.host.array_messages import unpack_message
from policies.openpi.policy import OpenpiPolicy
from tests.policies.openpi_peers import (
    AGES,
    PATIENCE,
    is_same,
    make_answer,
    make_metadata,
    opened,
    run_handler,
)
from tests.serve.toys import (
    SeeingPolicy,
    make_query,
    serve_policy,
)


def test_a_lost_connection_is_opened_once_more() -> None:
    """Each connection gives one answer, and is gone."""
    opened_times = []

    def handle(connection: ServerConnection) -> None:
        opened_times.append(1)
        connection.send(make_metadata())
        connection.recv()
        connection.send(make_answer())

    with run_handler(handle) as url, opened(url, sockets=1) as far:
        for _ in range(3):
            [answer] = far.propose([make_query()])
            assert answer is not None
    assert len(opened_times) == 3


def test_another_server_in_its_place_is_refused() -> None:
    digests = iter(["one", "two"])

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata(digest=next(digests)))
        connection.recv()

    says = r"metadata is of policy two .*one"
    with (
        run_handler(handle) as url,
        opened(url, sockets=1) as far,
        pytest.raises(MessageError, match=says),
    ):
        far.propose([make_query()])


def test_a_late_answer_is_not_taken_for_that_of_the_next_question() -> None:
    asked, free = threading.Event(), threading.Event()

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata())
        for _ in range(2):
            request = unpack_message(connection.recv())  # type: ignore[arg-type]
            if not asked.is_set():
                asked.set()
                free.wait(20)
            number = request["aegis/episode"][4]
            connection.send(make_answer(np.full((8, 3), number / 100, np.float32)))

    with run_handler(handle) as url, opened(url, sockets=1) as far:
        far._deadline = PATIENCE
        with pytest.raises(MachineError, match="did not answer within"):
            far.propose([make_query(1)])
        free.set()
        far._deadline = AGES
        [answer] = far.propose([make_query(2)])
        assert answer is not None
        assert answer.actions[0, 0] == np.float32(0.02)


def ask_in_child(policy: OpenpiPolicy, queue: Any) -> None:
    try:
        policy.propose([make_query()])
        queue.put("answered")
    except MachineError as error:
        queue.put(str(error))


def test_a_forked_child_is_refused_and_the_parent_goes_on() -> None:
    with serve_policy() as (url, _), opened(url) as far:
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=ask_in_child, args=(far, queue))
        child.start()
        assert "does not survive a fork" in queue.get(timeout=20)
        child.join(20)
        assert far.propose([make_query()])[0] is not None


def test_it_cannot_be_sent_to_another_process() -> None:
    says = "Build it from its configuration"
    with (
        serve_policy() as (url, _),
        opened(url) as far,
        pytest.raises(ConfigError, match=says),
    ):
        pickle.dumps(far)


def test_it_may_be_asked_from_several_threads_and_closed_twice() -> None:
    here = SeeingPolicy("far").propose([make_query(i) for i in range(8)])
    found: dict[int, Any] = {}
    with serve_policy(wait=0.001) as (url, _), opened(url) as far:

        def ask(number: int) -> None:
            found[number] = far.propose([make_query(number)])[0]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        far.close()
    assert all(is_same(found[i], here[i]) for i in range(8))
