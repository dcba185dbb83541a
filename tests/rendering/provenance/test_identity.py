"""A certificate is made once, for its owner's eyes alone; an operator's own is taken instead."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from inference.core.errors import Fault, InputError
from inference.core.settings import Settings
from inference.rendering.provenance.identity import (
    CERTIFICATE,
    Identity,
    load_identity,
    read_anchors,
)
from inference.rendering.provenance.signing import prepare_signing, require_identity
from tests.support.certificates import DOCUMENTS, NOW, Key, make_chain, make_key, to_pem


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(settings: Settings) -> None:
    assert read_anchors(settings) == ""
    prepare_signing(settings)
    (path,) = settings.data.iterdir()
    assert path.name == CERTIFICATE and path.stat().st_mode & 0o777 == 0o600
    assert settings.data.stat().st_mode & 0o077 == 0
    identity = load_identity(settings)
    assert identity == load_identity(settings) and identity.name == ""
    assert identity.key not in repr(identity)
    assert read_anchors(settings) == identity.chain[-1]


def test_all_who_start_together_agree_on_one(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        found: set[Identity] = set(pool.map(load_identity, [settings] * 4))
    assert len(found) == 1


def test_a_start_that_was_killed_in_between_leaves_no_half_key(settings: Settings) -> None:
    settings.data.mkdir()
    (settings.data / CERTIFICATE).touch(0o600)
    assert load_identity(settings).chain


@pytest.mark.parametrize(
    ("generate", "algorithm"),
    [
        (lambda: ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ed25519.Ed25519PrivateKey.generate, "ed25519"),
        (lambda: rsa.generate_private_key(65537, 2048), "ps256"),
    ],
    ids=["ec", "ed25519", "rsa"],
)
def test_an_operators_certificate_is_taken_from_a_file_or_a_secret(
    settings: Settings, tmp_path: Path, generate: Callable[[], Key], algorithm: str
) -> None:
    key = generate()
    pem = to_pem(key) + make_chain(key, DOCUMENTS)
    file = tmp_path / "mine.pem"
    file.write_text(pem)
    for given in (str(file), pem, pem.replace("\n", "\\n")):
        own = replace(settings, certificate=given)
        identity = require_identity(own)
        assert (identity.name, identity.algorithm) == ("Example Studio", algorithm)
        assert read_anchors(own) == identity.chain[-1] and len(identity.chain) == 2
    assert not settings.data.exists()


def test_videos_of_before_are_known_after_a_change_of_certificates(settings: Settings) -> None:
    first = load_identity(settings)
    own = replace(settings, certificate=to_pem(MINE) + make_chain(MINE))
    for chain in (first.chain, load_identity(own).chain):
        assert chain[-1].strip() in read_anchors(own)
    for unreadable in ("nowhere.pem", "\0"):
        assert read_anchors(replace(own, certificate=unreadable)) == first.chain[-1]
    (settings.data / CERTIFICATE).unlink()
    (settings.data / CERTIFICATE).mkdir()
    assert read_anchors(own) == load_identity(own).chain[-1]


MINE, OTHER = make_key(), make_key()
END = "-----END CERTIFICATE-----\n"
LEAF, OTHERS = make_chain(MINE).split(END)[0] + END, make_chain(OTHER).split(END)[1] + END


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        ("nowhere.pem", "a file that can't be read"),
        (to_pem(MINE), "no key or no certificate"),
        (to_pem(MINE, b"secret") + make_chain(MINE), "unencrypted"),
        (to_pem(OTHER) + make_chain(MINE), "a key that is not its first certificate's"),
        (to_pem(MINE) + make_chain(MINE, ExtendedKeyUsageOID.SERVER_AUTH), "not for signing"),
        (to_pem(MINE) + LEAF, "lacks the certificate of its issuer. Add it behind its own."),
        (to_pem(MINE) + LEAF + OTHERS, "lacks the certificate of"),
    ],
)  # fmt: skip
def test_a_certificate_that_can_t_sign_is_refused_in_a_sentence(
    settings: Settings, pem: str, message: str
) -> None:
    with pytest.raises(InputError, match=f"PORTRAIT_CERTIFICATE .*{message}"):
        require_identity(replace(settings, certificate=pem))


def test_a_certificate_that_has_expired_says_since_when(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    end = NOW - timedelta(days=1)
    own = replace(settings, certificate=to_pem(MINE) + make_chain(MINE, until=end))
    with pytest.raises(Fault, match=f"held until {end:%Y-%m-%d}. Renew it."):
        load_identity(own)
    prepare_signing(own)
    assert "finished videos are not signed: The certificate" in caplog.text


def test_a_certificate_that_does_not_hold_yet_says_from_when(settings: Settings) -> None:
    begin = NOW + timedelta(days=1)
    chain = make_chain(MINE, until=begin + timedelta(days=1), since=begin)
    with pytest.raises(
        Fault, match=f"holds only from {begin:%Y-%m-%d}. Check this machine's clock"
    ):
        load_identity(replace(settings, certificate=to_pem(MINE) + chain))
