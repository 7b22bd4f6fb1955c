"""Client register: connections of one client are one client's, and lost ones count for nothing."""

from __future__ import annotations

from websockets.protocol import State

from aegis.serve.client_register import ClientRegister


class Connection:
    def __init__(self) -> None:
        self.state = State.OPEN


def test_a_client_is_there_while_one_of_its_connections_is_open() -> None:
    register, first, second, other = ClientRegister(), Connection(), Connection(), Connection()
    for client, connection in (("a", first), ("a", second), ("b", other)):
        register.add_connection(client, connection)
    assert register.count_connections() == register.count_idle() == 3
    register.busy += 1
    assert register.count_idle() == 2
    first.state = State.CLOSED
    assert register.is_connected("a")
    second.state = State.CLOSING
    assert not register.is_connected("a")
    assert register.is_connected("b")
    for client, connection in (("a", first), ("a", second), ("b", other)):
        register.remove_connection(client, connection)
    assert register.count_connections() == 0
    assert not register.is_connected("b")
    assert not register.is_connected("nobody")
