"""Access: loopback or a token, TLS or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegis.core.errors import ConfigError
from aegis.host.wire_access import is_loopback, read_token
from aegis.serve.access import Access, load_certificate

TOKEN = "a-token-of-the-tests"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert Access(host, 0).admits("")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "gpu", ""])
def test_other_machines_need_one(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match="token_file=PATH"):
        Access(host, 0)
    assert Access(host, 0, TOKEN).admits(f"Api-Key {TOKEN}")


@pytest.mark.parametrize(
    "header", ["", TOKEN, f"Bearer {TOKEN}", "Api-Key ", f"Api-Key {TOKEN}x", "Api-Key \udcff"]
)
def test_a_wrong_token_is_refused(header: str) -> None:
    assert not Access("127.0.0.1", 0, TOKEN).admits(header)


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
