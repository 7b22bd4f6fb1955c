"""A time-stamping authority of the test's own, with openssl; nothing leaves the machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

NOW = datetime.now(UTC).replace(microsecond=0)
ALWAYS = (NOW - timedelta(days=1), NOW + timedelta(days=365))
LONG_AGO = (NOW - timedelta(days=30), NOW - timedelta(days=1))
_CONFIG = """
[tsa]
default_tsa = mine
[mine]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512, sha1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    """An authority: a root, and a certificate that it issued for time stamps."""

    folder: Path

    @classmethod
    def found(
        cls,
        folder: Path,
        name: str = "Authority",
        valid: tuple[datetime, datetime] = ALWAYS,
        purpose: x509.ObjectIdentifier = x509.ExtendedKeyUsageOID.TIME_STAMPING,
    ) -> Authority:
        folder.mkdir(parents=True)
        keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
        names = [
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{name} {part}")])
            for part in ("root", "signer")
        ]
        root = _certify(names[0], names[0], keys[0], keys[0], ALWAYS, None)
        signer = _certify(names[1], names[0], keys[1], keys[0], valid, purpose)
        plain = serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        (folder / "ca.pem").write_bytes(root.public_bytes(pem))
        (folder / "signer.pem").write_bytes(signer.public_bytes(pem))
        (folder / "signer.key").write_bytes(
            keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        )
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        return cls(folder)

    @property
    def certificates(self) -> Path:
        return self.folder / "ca.pem"

    def stamp(self, path: Path, digest: str = "sha256") -> Path:
        """Stamps a file; returns the response."""
        query, reply = self.folder / "query.tsq", self.folder / "reply.tsr"
        _run("-query", "-data", path, f"-{digest}", "-cert", "-out", query)
        signer = ("-inkey", self.folder / "signer.key", "-signer", self.folder / "signer.pem")
        config = ("-config", self.folder / "tsa.cnf")
        _run("-reply", *config, "-queryfile", query, *signer, "-out", reply)
        return reply


def _certify(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    by: rsa.RSAPrivateKey,
    valid: tuple[datetime, datetime],
    purpose: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(purpose is None, None), critical=True)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return builder.sign(by, hashes.SHA256())


def _run(*words: object) -> None:
    subprocess.run(["openssl", "ts", *map(str, words)], check=True, capture_output=True)
