"""Certificates: making one that nobody else vouches for, and reading an operator's."""

import secrets
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from inference.core.errors import Fault, FaultCode, InputCode, InputError
from inference.rendering.provenance.marks import NAME

# Videos carry no time stamp of a third party, so that they are judged by the clock of whoever
# reads them: the certificate always holds (RFC 5280, 4.1.2.5, for one that does not expire).
_BEGIN, _END = datetime(2025, 1, 1), datetime(9999, 12, 31, 23, 59, 59)
_NO_USES = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}  # C2PA's names


def make_certificate() -> str:
    """Return a new key for ES256 and its chain of two certificates, as PEM.

    C2PA refuses certificates that sign themselves. The issuer's key is forgotten at once.
    """
    issuer_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    number = secrets.token_hex(4)  # tells installations apart, and says nothing of them
    issuer = _build_name(f"{NAME} {number}, made by itself")
    authority = _build(issuer, issuer, issuer_key, issuer_key)
    authority = authority.add_extension(x509.BasicConstraints(True, 0), critical=True)
    uses = x509.KeyUsage(**_NO_USES | {"key_cert_sign": True})
    authority = authority.add_extension(uses, critical=True)
    signer = _build(_build_name(f"{NAME} {number}"), issuer, key, issuer_key)
    signer = signer.add_extension(x509.BasicConstraints(False, None), critical=True)
    uses = x509.KeyUsage(**_NO_USES | {"digital_signature": True})
    signer = signer.add_extension(uses, critical=True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    signer = signer.add_extension(purpose, critical=False)
    chain = [each.sign(issuer_key, hashes.SHA256()) for each in (signer, authority)]
    texts = [each.public_bytes(serialization.Encoding.PEM).decode() for each in chain]
    return _format_key(key) + "".join(texts)


def read_certificate(pem: str) -> tuple[str, str, str, datetime]:
    """Return the key as PKCS#8, C2PA's name of its algorithm, the certificate's name and end.

    `pem` has the key and the chain, the signer's certificate first. Raises InputError unless they
    belong together, Fault when the certificate does not hold now.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
        signer, *issuers = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, TypeError) as error:
        message = "has no key or no certificate that can be read. Give both as PEM, unencrypted."
        raise InputError(InputCode.BAD_OPTION, f"PORTRAIT_CERTIFICATE {message}") from error
    algorithm = _find_algorithm(key)
    if algorithm is None or signer.public_key() != key.public_key():
        message = "PORTRAIT_CERTIFICATE has a key that is not its first certificate's"
        if algorithm is None:
            message = "PORTRAIT_CERTIFICATE has a key of a kind that can't sign videos"
        advice = "Give an EC, RSA or Ed25519 key and the chain of its certificate."
        raise InputError(InputCode.BAD_OPTION, f"{message}. {advice}")
    try:
        signer.verify_directly_issued_by(next(iter(issuers), signer))
    except (ValueError, TypeError, InvalidSignature) as error:
        message = "PORTRAIT_CERTIFICATE lacks the certificate of its issuer."
        raise InputError(InputCode.BAD_OPTION, f"{message} Add it behind its own.") from error
    begin, end, now = signer.not_valid_before_utc, signer.not_valid_after_utc, datetime.now(UTC)
    if not begin <= now <= end:
        message = f"held until {end:%Y-%m-%d}. Renew it."
        if now < begin:
            message = f"holds only from {begin:%Y-%m-%d}. Check this machine's clock."
        raise Fault(FaultCode.UNREADABLE, f"The certificate of this app {message}")
    return _format_key(key), algorithm, _find_name(signer), end


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    public, issued_by = key.public_key(), issuer_key.public_key()
    builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
    builder = builder.not_valid_before(_BEGIN).not_valid_after(_END)
    own = x509.SubjectKeyIdentifier.from_public_key(public)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issued_by)
    return builder.add_extension(own, False).add_extension(authority, False)


def _build_name(name: str) -> x509.Name:
    parts = {NameOID.ORGANIZATION_NAME: NAME, NameOID.COMMON_NAME: name}
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])


def _find_algorithm(key: PrivateKeyTypes) -> str | None:
    """Return C2PA's name of the algorithm that signs with `key`; None if it has none."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "ps256" if isinstance(key, rsa.RSAPrivateKey) else None


def _find_name(certificate: x509.Certificate) -> str:
    for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            return str(attribute.value)
    return "no name"


def _format_key(key: PrivateKeyTypes) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
