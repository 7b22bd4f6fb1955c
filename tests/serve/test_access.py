"""Access: loopback or a token, TLS or none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from aegis.core.errors import ConfigError
from aegis.host.notes import write_note
from aegis.host.wire_access import is_loopback, read_token, warn_of_readable_token
from aegis.serve.access import Access, load_certificate

TOKEN = "a-token-of-the-tests"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert Access(host, 0).admits_client("")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "gpu", ""])
def test_other_machines_need_one(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match="token_file=PATH"):
        Access(host, 0)
    assert Access(host, 0, TOKEN).admits_client(f"Api-Key {TOKEN}")


@pytest.mark.parametrize(
    "header", ["", TOKEN, f"Bearer {TOKEN}", "Api-Key ", f"Api-Key {TOKEN}x", "Api-Key \udcff"]
)
def test_a_wrong_token_is_refused(header: str) -> None:
    assert not Access("127.0.0.1", 0, TOKEN).admits_client(header)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "ws://127.0.0.1:80"),
        ("localhost", "ws://localhost:80"),
        ("::1", "ws://[::1]:80"),
        ("[::1]", "ws://[::1]:80"),
        ("0.0.0.0", "ws://127.0.0.1:80"),
        ("::", "ws://[::1]:80"),
        ("gpu", "ws://gpu:80"),
    ],
)
def test_the_address_that_is_told_can_be_connected_to(host: str, url: str) -> None:
    access = Access(host, 80, TOKEN)
    assert access.build_url(80) == url
    assert access.is_everywhere == (host in ("0.0.0.0", "::"))


def test_a_name_with_two_addresses_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        listener = Access("localhost", 0).open_listener()
    with listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        port = listener.getsockname()[1]
        socket.create_connection(("localhost", port), timeout=20).close()


def test_a_host_that_is_not_this_machine_is_named() -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(ConfigError, match=f"'{host}' port 0 cannot be listened on"):
            Access(host, 0, TOKEN).open_listener()


@pytest.mark.parametrize(
    ("host", "token", "encrypted", "warns"),
    [
        ("gpu", TOKEN, False, True),
        ("gpu", TOKEN, True, False),
        ("localhost", TOKEN, False, False),
        ("gpu", "", False, False),
    ],
)
def test_a_token_that_can_be_read_on_its_way_is_noted(
    host: str, token: str, encrypted: bool, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    write_note.cache_clear()
    warn_of_readable_token(f"host '{host}'", host, token, encrypted)
    assert ("read the token" in caplog.text) == warns


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 16"):
        Access("0.0.0.0", 0, "short")


def test_a_token_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    assert read_token(str(file), None) == read_token(None, "THE_TOKEN") == TOKEN
    assert read_token(None, None) == ""
    file.write_text("two words")
    for given in ((str(file), None), (str(tmp_path / "no"), None), (None, "NONE"), ("a", "b")):
        with pytest.raises(ConfigError, match=r"token|NONE"):
            read_token(*given)


def test_tls_needs_both_files(tmp_path: Path) -> None:
    assert load_certificate(None, None) is None
    for given in (("a", None), (None, "a"), (str(tmp_path / "a"), str(tmp_path / "b"))):
        with pytest.raises(ConfigError, match=r"both|no certificate"):
            load_certificate(*given)
