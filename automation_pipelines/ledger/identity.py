"""The name of a hand-off for ever: made of its key and this installation's salt, so it outlives the ledger.

Message-IDs, the names of files, the markers of a CRM and the ids of webhooks carry it. Who hands off is
delivery's business.
"""

import hashlib
from collections.abc import Iterable

# As it is found in the log of any server, whatever stands around it.
PATTERN = r"\b([0-9a-f]{32}\.[0-9a-f]{16})\b"


def installation_name(salt: str) -> str:
    """Tell this installation from all others that hand over to the same servers; gives no salt away."""
    return hashlib.sha256(f"installation:{salt}".encode()).hexdigest()[:16]


def identity_of(key: Iterable[object], mode: str, installation: str) -> str:
    """Name a hand-off. `key`: occurrence, tenant, campaign and step by their ids, subject, recipient."""
    # A test is another hand-off than the real one that comes after it.
    named = (*key, mode) if mode == "test" else key
    digest = hashlib.sha256(":".join(map(str, named)).encode()).hexdigest()[:32]
    return f"{digest}.{installation}"
