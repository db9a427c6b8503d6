"""Amazon SNS, as far as a webhook gets to see it."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

MADE = datetime(2026, 5, 1, 12, tzinfo=UTC)
"""Its certificate is valid a day before and after."""
TOPIC = "arn:aws:sns:eu-west-1:123456789012:events"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
SUBSCRIBE = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


class Amazon:
    """Signs as Amazon SNS does, and has its certificate on a shelf."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1)
            .not_valid_before(MADE - timedelta(days=1))
            .not_valid_after(MADE + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        self.pem = made.public_bytes(serialization.Encoding.PEM)
        self.asked: list[str] = []

    def get(self, url: str) -> bytes:
        self.asked.append(url)
        return self.pem

    def sign(self, version: str = "2", **more: str) -> dict[str, str]:
        envelope = {"Type": "Notification", "MessageId": "1", "TopicArn": TOPIC, "Timestamp": "t", **more}
        names = sorted(envelope)  # whatever is set here, Amazon signs
        text = "".join(f"{name}\n{envelope[name]}\n" for name in names)
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        signed = {"Signature": base64.b64encode(signature).decode(), "SignatureVersion": version}
        return {**envelope, **signed, "SigningCertURL": CERTIFICATE}
