"""Where a call may go whose address a campaign names: what is refused about a URL and an IP address, and why.

Nothing here asks the network: names are looked up by `http`, which has each answer judged here. No
reason repeats more of a URL than its host.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx
from idna import IDNAError

from automation_pipelines.settings.providers.webhook import Network, Webhook

# What the IANA registries of special addresses keep from the Internet. Written out, since
# `ipaddress.is_global` differs between versions of Python.
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            # Within what is given out: protocol assignments with Teredo, documentation, 6to4.
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
# All else is not given out, local, or an IPv4 address in disguise (::ffff:0:0/96, 64:ff9b::/96).
_GIVEN_OUT = IPv6Network("2000::/3")
# Machines learn their own credentials there. Some are in no special network, others in networks that are
# allowed for other reasons, so they are refused whatever is allowed.
_METADATA = frozenset(
    map(
        ip_address,
        (
            *("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"),
            *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254"),
        ),
    )
)
_OWN_NAMES = frozenset(
    ("localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "svc")
)
_OWN_DOMAINS = ("home.arpa", "cluster.local")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_LONGEST_NAME = 253
_WEB_PORTS, _FREE_PORTS = (80, 443), range(1024, 65536)


@dataclass(frozen=True, slots=True)
class Destinations:
    """What one installation allows: the Internet over TLS, and the `networks` it names."""

    networks: tuple[Network, ...] = ()
    insecure: bool = False

    @classmethod
    def of(cls, settings: Webhook) -> "Destinations":
        """Read the settings."""
        return cls(settings.networks, settings.allow_http)

    def objection(self, url: str) -> str | None:
        """Say why a URL is refused, as far as it can be told without looking its host up."""
        if not url.isprintable() or " " in url or "\\" in url:
            return "the address has blanks, backslashes or control characters in it"
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, IDNAError):
            return "the address cannot be read"
        return self._form_objection(parts) or self._host_objection(host_of(parts))

    def _form_objection(self, parts: httpx.URL) -> str | None:
        if parts.scheme not in ("http", "https"):
            return "the address is no https:// address"
        if parts.scheme == "http" and not self.insecure:
            return "http:// would send it in the clear: write https://, or set AUTOMATION_WEBHOOK__ALLOW_HTTP"
        if parts.userinfo:
            return "the address has a user or a password in it: put them into a header"
        if parts.port is not None and parts.port not in _WEB_PORTS and parts.port not in _FREE_PORTS:
            return f"port {parts.port} is no web server's"
        return None

    def address_objection(self, text: str) -> str | None:
        """Say why no connection may be made to an IP address."""
        try:
            address = ip_address(text.partition("%")[0])  # without the name of an interface
        except ValueError:
            return "it is no IP address"
        if address in _METADATA:
            return "a machine's own metadata are there"
        if _is_public(address) or _is_among(address, self.networks):
            return None
        return "it is no public address, and AUTOMATION_WEBHOOK__ALLOWED_NETWORKS does not allow it"

    def _host_objection(self, host: str) -> str | None:
        try:
            ip_address(host)
        except ValueError:
            return self._name_objection(host)
        if "%" in host:
            return "its host names an interface of this machine"
        why = self.address_objection(host)
        return f"{host} is refused: {why}" if why else None

    def _name_objection(self, name: str) -> str | None:
        labels = name.split(".")
        if not all(map(_LABEL.fullmatch, labels)) or len(name) > _LONGEST_NAME:
            return "its host is no name and no IP address"
        if _NUMBER.fullmatch(labels[-1]):
            return "its host is an IP address in an unusual spelling"
        own = len(labels) == 1 or labels[-1] in _OWN_NAMES or name.endswith(_OWN_DOMAINS)
        if own and not self.networks:
            return f"{name} is a name of a private network: see AUTOMATION_WEBHOOK__ALLOWED_NETWORKS"
        return None


def host_of(url: httpx.URL) -> str:
    """Return the host in ASCII, without the dot that may end a name."""
    return url.raw_host.decode("ascii").removesuffix(".")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    given_out = isinstance(address, IPv4Address) or address in _GIVEN_OUT
    return given_out and not _is_among(address, _NOT_PUBLIC)


def _is_among(address: IPv4Address | IPv6Address, networks: Collection[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
