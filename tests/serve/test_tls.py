"""TLS: a remote policy trusts the certificate that it is given, and no other."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aegis.core.errors import MachineError
from aegis.serve.access import Access, load_certificate
from tests.policies.openpi_peers import TOKEN, is_same, open_policy, opened
from tests.serve.toys import SeeingPolicy, make_query, serve_policy

_DAY = datetime.timedelta(days=1)


def make_certificate(folder: Path, address: str = "127.0.0.1") -> tuple[str, str]:
    """Writes a certificate that signs itself, and its key; returns their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    chain, private = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(chain), str(private)


def test_a_certificate_that_is_named_is_trusted_and_no_other(tmp_path: Path) -> None:
    mine, other = make_certificate(tmp_path / "mine"), make_certificate(tmp_path / "other")
    (tmp_path / "token").write_text(TOKEN)
    token = {"token_file": str(tmp_path / "token")}
    access = Access("127.0.0.1", 0, TOKEN, load_certificate(*mine))
    with serve_policy(access=access) as (url, server):
        assert url.startswith("wss://127.0.0.1:")
        with opened(url, certificate=mine[0], **token) as far:
            [answer] = far.propose([make_query()])
        [here] = SeeingPolicy("far").propose([make_query()])
        assert is_same(answer, here)
        says = r"not trusted: .*certificate=PATH"
        for settings in ({}, {"certificate": other[0]}):
            with pytest.raises(MachineError, match=says):
                open_policy(url, **token, **settings)
        assert server.counts["connections"] == 1


def test_a_certificate_of_another_host_is_not_trusted(tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path, "10.0.0.1")
    access = Access("127.0.0.1", 0, "", load_certificate(chain, key))
    says = r"not trusted: .*127\.0\.0\.1.*host that it names"
    with serve_policy(access=access) as (url, _), pytest.raises(MachineError, match=says):
        open_policy(url, certificate=chain)


def test_both_ends_must_speak_tls(tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path)
    with (
        serve_policy() as (url, _),
        pytest.raises(MachineError, match="only where the url says wss"),
    ):
        open_policy(url.replace("ws:", "wss:"), certificate=chain)
    access = Access("127.0.0.1", 0, "", load_certificate(chain, key))
    says = "Does it want wss://"
    with serve_policy(access=access) as (url, _), pytest.raises(MachineError, match=says):
        open_policy(url.replace("wss:", "ws:"))
