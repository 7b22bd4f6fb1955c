"""Time stamp: an RFC 3161 token by which an authority certifies when it saw a digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aegis.core.errors import TraceError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """What a token certifies.

    Attributes:
        time: When the authority saw the digest [UTC].
        authority: Subject of the certificate that the check trusted, as it was given.
    """

    time: datetime
    authority: str


def check_time_stamp(token: bytes, certificates: bytes, message: bytes) -> TimeStamp:
    """Checks a token against a message and the certificates of an authority.

    Signature, chain of certificates at the certified time, purpose of the signing certificate and
    imprint (SHA-256, SHA-384 or SHA-512) are checked; whether a certificate was revoked is not.

    Args:
        token: An RFC 3161 response (``.tsr``), DER.
        certificates: Certificates of the authority, PEM: its root, and any between root and signer.
        message: What was stamped.

    Raises:
        ModuleNotFoundError: If the library that reads tokens is not installed.
        TraceError: If the token does not hold; it says why.
    """
    from cryptography import x509
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    try:
        trusted = x509.load_pem_x509_certificates(certificates)
    except ValueError as error:
        raise TraceError(f"The authority's file holds no PEM certificate: {error}") from error
    roots = [one for one in trusted if one.issuer == one.subject] or trusted
    between = [one for one in trusted if one not in roots]
    try:
        response = decode_timestamp_response(token)
        verifier = VerifierBuilder(roots=roots, intermediates=between).build()
        verifier.verify_message(response, message)
    except (ValueError, VerificationError) as error:
        raise TraceError(f"The time stamp does not hold: {error}") from error
    return TimeStamp(response.tst_info.gen_time, _name_subjects(roots))


def _name_subjects(certificates: Sequence[Certificate]) -> str:
    return "; ".join(one.subject.rfc4514_string() for one in certificates)
