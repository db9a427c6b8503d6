"""Signatures: verified by the library's verifier over what a server received."""

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from pydantic import SecretStr, ValidationError

from automation_pipelines.channels import build_channels
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.smtp.signing import Signer
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Email, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Dkim
from tests.conformance.posts import email
from tests.mailserver import Script, scripted

Key = RSAPrivateKey | Ed25519PrivateKey
KEYS: dict[str, Key] = {"RSA": generate_rsa(65537, 2048), "Ed25519": Ed25519PrivateKey.generate()}
UNSUBSCRIBE = (
    b"List-Unsubscribe: <https://go.acme.example.com/u/1>,\r\n <mailto:u@acme.example.com>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
)
PARTS = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type"}


def pem(key: Any, password: bytes | None = None) -> str:
    shut = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, shut).decode()  # type: ignore[no-any-return]


def dns(key: Key) -> Callable[..., bytes]:
    """The public key as a TXT record of exactly the right name."""
    kind = "rsa" if isinstance(key, RSAPrivateKey) else "ed25519"
    der = key.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    public = der if kind == "rsa" else der[-32:]
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}".encode()
    return lambda name, **_: record if name == b"s2026._domainkey.acme.example.com." else b""


class _Ed25519:
    """Verifies for the library, which would need one more package to do so itself."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, digest: bytes, signature: bytes) -> None:
        self._key.verify(signature, digest)


def verified(message: bytes, key: Key) -> bool:
    if isinstance(key, RSAPrivateKey):
        return bool(dkim.verify(message, dnsfunc=dns(key)))
    verifier = dkim.DKIM(message)
    signature, headers, found = verifier.verify_headerprep()
    verifier.pk, verifier.ktag, verifier.keysize = _Ed25519(key.public_key()), b"ed25519", 256
    try:
        return bool(verifier.verify_sig_process(signature, headers, found[0], None))
    except (InvalidSignature, dkim.ValidationError, NameError):
        return False


def settings(key: str) -> Dkim:
    return Dkim(domain="acme.example.com", selector="s2026", private_key=SecretStr(key))


def letter(job: int = 1, extra: bytes = UNSUBSCRIBE) -> Email:
    made = email(job)
    assert isinstance(made, Email)
    return replace(made, content=extra + made.content)


def signed_headers(message: bytes) -> list[str]:
    tags = re.sub(rb"\s", b"", message.partition(b"\r\n\r\n")[0])
    return re.search(rb";h=([\w:-]+);", tags)[1].decode().split(":")  # type: ignore[index]


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> Key:
    """A private key of each kind."""
    return KEYS[request.param]


def test_what_a_server_receives_is_signed_and_stays_so(key: Key) -> None:
    script = Script()
    with scripted(script) as port:
        url = SecretStr(f"smtp://127.0.0.1:{port}?tls=none")
        channel = EmailChannel.of(url, Settings(smtp_url=url, dkim=settings(pem(key))))
        letters = [
            letter(1),
            letter(2, b""),
            replace(letter(3), content=letter(3).content + b"\r\n\r\n.\r\n.."),
        ]
        assert all(isinstance(answer, Sent) for answer in channel.send(letters))
        channel.close()
    received = [content for _, content in script.messages]
    assert [verified(content, key) for content in received] == [True] * 3
    assert {content.partition(b"\r\n\r\n")[2] for content in received} >= {
        one.content.partition(b"\r\n\r\n")[2] for one in letters[:2]
    }


def test_what_must_be_signed_is_and_what_is_there_once_stays_alone(key: Key) -> None:
    message = Signer(settings(pem(key)))(letter().content)
    headers = signed_headers(message)
    assert PARTS | {"list-unsubscribe", "list-unsubscribe-post"} <= set(headers)
    assert {name for name in headers if headers.count(name) == 2} == PARTS
    assert b"List-Unsubscribe-Post" not in Signer(settings(pem(key)))(letter(extra=b"").content)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Offer 1", b"Offer 2"),
        (b"go.acme.example.com", b"go.evil.example.com"),
        (b"One-Click", b"Two-Click"),
        (b"Hello", b"Hullo"),
        (b"From: ", b"From: <evil@evil.example.com>\r\nFrom: "),
        (b"Subject: ", b"Subject: evil\r\nSubject: "),
    ],
)
def test_a_change_on_the_way_breaks_the_signature(key: Key, old: bytes, new: bytes) -> None:
    message = Signer(settings(pem(key)))(letter().content)
    assert verified(message, key)
    head, gap, body = message.partition(b"From: ")
    changed = (head + gap + body).replace(old, new)
    assert changed != message
    assert not verified(changed, key)


def test_headers_folded_anew_and_marks_of_servers_do_not_break_it(key: Key) -> None:
    message = Signer(settings(pem(key)))(letter().content)
    folded = message.replace(b">,\r\n <mailto", b">, <mailto")
    assert folded != message
    assert verified(b"Received: from a by b\r\n" + folded, key)


def test_the_same_message_is_signed_the_same_again(key: Key) -> None:
    signer = Signer(settings(pem(key)))
    assert signer(letter().content) == signer(letter().content)


@pytest.mark.parametrize("given", ["file", "one line", "other form", "seed"])
def test_keys_come_in_the_forms_that_tools_write(tmp_path: Path, given: str) -> None:
    key: Key = KEYS["Ed25519" if given == "seed" else "RSA"]
    text, path = pem(key), tmp_path / "dkim.pem"
    match given:
        case "file":
            path.write_text(text)
            text = str(path)
        case "one line":
            text = text.replace("\n", "\\n")
        case "other form":
            old = form.PrivateFormat.TraditionalOpenSSL
            text = key.private_bytes(form.Encoding.PEM, old, form.NoEncryption()).decode()
        case "seed":
            path.write_bytes(base64.b64encode(key.private_bytes_raw()))  # type: ignore[union-attr]
            text = str(path)
    assert verified(Signer(settings(text))(letter().content), key)


WRONG = {
    "no key": "hidden words",
    "no such file": "/nowhere/hidden.pem",
    "cut off": "\n".join([*pem(KEYS["RSA"]).splitlines()[:9], "-----END PRIVATE KEY-----"]),
    "public": KEYS["RSA"]
    .public_key()
    .public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "locked": pem(KEYS["RSA"], b"hidden"),
    "of another kind": pem(generate_private_key(SECP256R1())),
    "empty": "",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_key_is_refused_when_channels_are_built_and_not_shown(tmp_path: Path, wrong: str) -> None:
    given = Settings(home=tmp_path, smtp_url="smtp://mail.example.com", dkim=settings(WRONG[wrong]))
    with pytest.raises(ConfigurationError) as refused:
        build_channels(given)
    said = str(refused.value)
    assert "AUTOMATION_DKIM__PRIVATE_KEY" in said
    assert refused.value.__cause__ is None
    assert not [line for line in WRONG[wrong].splitlines() if line and line in said]


def test_names_that_are_no_names_are_refused() -> None:
    for domain, selector in (
        ("acme example", "s"),
        ("a.example.com", "s;d=evil"),
        ("a.example.com\r\n", "s"),
    ):
        with pytest.raises(ValidationError) as refused:
            Dkim(domain=domain, selector=selector, private_key=SecretStr("hidden"))
        assert "hidden" not in str(refused.value)


def test_the_environment_configures_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMATION_DKIM__DOMAIN", "acme.example.com")
    monkeypatch.setenv("AUTOMATION_DKIM__SELECTOR", "s2026")
    monkeypatch.setenv("AUTOMATION_DKIM__PRIVATE_KEY", pem(KEYS["RSA"]))
    given = Settings(home=tmp_path)
    assert given.dkim == settings(pem(KEYS["RSA"]))
    assert "PRIVATE KEY" not in repr(given)


def test_without_a_key_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, automation_pipelines.channels as c; print({'dkim', 'cryptography'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_a_key_without_the_library_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automation_pipelines.channels.email.find_spec", lambda _: None)
    given = Settings(home=tmp_path, smtp_url="smtp://mail.example.com", dkim=settings(pem(KEYS["RSA"])))
    with pytest.raises(ConfigurationError, match=r"pip install 'automation-pipelines\[dkim\]'"):
        build_channels(given)
