"""Certificates as operators may have them, and small videos to sign."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from inference.core.settings import load_settings
from inference.rendering.provenance.c2pa_file import sign_video
from inference.rendering.provenance.identity import CERTIFICATE, load_identity
from presets.schema import EngineFamily

Key: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
NOW = datetime.now(UTC)
DOCUMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_chain(
    key: Key,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    until: datetime = NOW + timedelta(days=1),
    since: datetime = NOW - timedelta(days=9),
    ocsp: str = "",
) -> str:
    """The certificate of Example Studio for `key`, and its issuer's."""
    issuer_key = make_key()
    names = [
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        for name in ("Example Studio", "Example Authority")
    ]
    uses = [True, *[False] * 8]  # digital signatures alone
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), 1, since, until)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(authority, False)
    builder = builder.add_extension(x509.KeyUsage(*uses), True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
    if ocsp:
        place = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), False)
    issuer = x509.CertificateBuilder(
        names[1], names[1], issuer_key.public_key(), 2, since, until
    ).add_extension(x509.BasicConstraints(True, 0), True)
    chain = (builder.sign(issuer_key, hashes.SHA256()), issuer.sign(issuer_key, hashes.SHA256()))
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain)


def to_pem(key: Key, password: bytes = b"") -> str:
    """The key, in the form that older tools write for elliptic curves."""
    encryption = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8
        if isinstance(key, ed25519.Ed25519PrivateKey)
        else serialization.PrivateFormat.TraditionalOpenSSL,
        encryption or serialization.NoEncryption(),
    ).decode()


def sign(video: Path) -> Path:
    """The video, signed as a server with the tests' own data folder would."""
    sign_video(video, load_identity(load_settings()), EngineFamily.DRAFT)
    return video


def is_signed(video: Path) -> bool:
    """Whether the video has content credentials and was not changed since."""
    try:
        with video.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
            return bool(reader.get_validation_state() == "Valid")
    except c2pa.C2paError.ManifestNotFound:
        return False


def lay_certificate(data: Path) -> None:
    """Put the tests' own certificate into a data folder: making one takes a while."""
    load_identity(load_settings())
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / CERTIFICATE).write_bytes((load_settings().data / CERTIFICATE).read_bytes())
