"""A time stamp holds for one text, one authority and one time, and for nothing else."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from aegis.core.errors import TraceError
from aegis.study.publication.time_stamp import check_time_stamp

pytest.importorskip("rfc3161_client")
if shutil.which("openssl") is None:
    pytest.skip("there is no openssl to make tokens with", allow_module_level=True)

from cryptography.x509 import ExtendedKeyUsageOID

from tests.study.publication.authority import LONG_AGO, NOW, Authority

PLAN = b"alpha: 0.05\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.found(tmp_path_factory.mktemp("authority") / "one")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_bytes(PLAN)
    return tmp_path / "plan.yaml"


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_a_good_token_says_when(authority: Authority, plan: Path, digest: str) -> None:
    token = authority.stamp(plan, digest).read_bytes()
    stamp = check_time_stamp(token, authority.certificates.read_bytes(), PLAN)
    assert timedelta(0) <= stamp.time - NOW < timedelta(hours=1)
    assert stamp.authority == "CN=Authority root"


def test_a_token_of_another_text(authority: Authority, plan: Path) -> None:
    token = authority.stamp(plan).read_bytes()
    with pytest.raises(TraceError, match="Mismatch between messages"):
        check_time_stamp(token, authority.certificates.read_bytes(), PLAN + b" ")


def test_a_weak_imprint_is_refused(authority: Authority, plan: Path) -> None:
    token = authority.stamp(plan, "sha1").read_bytes()
    with pytest.raises(TraceError, match="Unsupported hash algorithm"):
        check_time_stamp(token, authority.certificates.read_bytes(), PLAN)


def test_a_token_of_another_authority(authority: Authority, plan: Path, tmp_path: Path) -> None:
    other = Authority.found(tmp_path / "other")  # Even of the same name.
    token = other.stamp(plan).read_bytes()
    with pytest.raises(TraceError, match="does not hold"):
        check_time_stamp(token, authority.certificates.read_bytes(), PLAN)


def test_a_certificate_that_had_expired_or_is_for_something_else(
    plan: Path, tmp_path: Path
) -> None:
    expired = Authority.found(tmp_path / "expired", valid=LONG_AGO)
    with pytest.raises(TraceError, match="does not hold"):
        check_time_stamp(expired.stamp(plan).read_bytes(), expired.certificates.read_bytes(), PLAN)


def test_a_certificate_for_another_purpose_cannot_even_sign(plan: Path, tmp_path: Path) -> None:
    web = Authority.found(tmp_path / "web", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(Exception, match="non-zero exit status"):
        web.stamp(plan)


def test_every_flipped_byte_of_a_token_is_found_or_harmless(
    authority: Authority, plan: Path
) -> None:
    """A changed token never certifies another time or another text."""
    token = authority.stamp(plan).read_bytes()
    certificates = authority.certificates.read_bytes()
    time = check_time_stamp(token, certificates, PLAN).time
    found = 0
    for at in range(0, len(token), 7):
        forged = bytearray(token)
        forged[at] ^= 0x01
        try:
            assert check_time_stamp(bytes(forged), certificates, PLAN).time == time, at
        except TraceError:
            found += 1
    assert found > len(token) // 7 // 2


@pytest.mark.parametrize("token", [b"garbage", b"\x30\x03\x02\x01\x00", bytes(2000)])
def test_garbage_is_no_token(authority: Authority, token: bytes) -> None:
    with pytest.raises(TraceError, match="does not hold"):
        check_time_stamp(token, authority.certificates.read_bytes(), PLAN)


@pytest.mark.parametrize("pem", [b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_an_authority_without_certificates(authority: Authority, plan: Path, pem: bytes) -> None:
    with pytest.raises(TraceError, match="holds no PEM certificate"):
        check_time_stamp(authority.stamp(plan).read_bytes(), pem, PLAN)
