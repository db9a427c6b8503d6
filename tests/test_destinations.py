"""Where webhooks may go: what is refused about a URL before its host is looked up, and about an address."""

import json
from pathlib import Path

import pytest

from automation_pipelines.channels.destinations import Destinations
from automation_pipelines.settings.providers import Webhook

SAMPLE = Path(__file__).parent.parent.parent / "shared" / "cases" / "webhook_urls_sample.jsonl"
STRICT = Destinations()
LOOSE = Destinations(insecure=True)
INTERNAL = Destinations.of(Webhook(allowed_networks="10.1.0.0/16, 127.0.0.1,fd12::/16", allow_http=True))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/x",
        "HTTPS://Hooks.Example.COM/x?y=1#z",
        "https://hooks.example.com:8443/x",
        "https://hooks.example.com./x",
        "https://my_hooks.example.com/",
        "https://bücher.example/x",
        "https://xn--bcher-kva.example/x",
        "https://93.184.215.14/x",
        "https://[2606:4700:4700::1111]/x",
        "https://example.com/a@b?c=//127.0.0.1/",
        "https://127.0.0.1.example.com/",
        "https://0x7f.example/",
    ],
)
def test_what_is_on_the_internet_may_be_called(url: str) -> None:
    assert STRICT.objection(url) is None


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "198.18.0.1", "192.0.0.8", "192.0.2.1"),
        *("203.0.113.5", "240.0.0.1", "192.88.99.1", "168.63.129.16"),
        # Other ways to write 127.0.0.1, and what some parsers make of it.
        *(
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
        ),
        *(
            "127.0.0.1..",
            "127.0.0.256",
            "1.2.3.4.5",
            "0x",
            "127.0.0.0x1",
            "127。0。0。1",
            "127.0.0.１",
            "①②⑦.0.0.1",
        ),
        *("%31%32%37.0.0.1", "127.0.0.1%2f.example.com", "4294967297"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
        *(
            "[64:ff9b:1::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
        ),
        *("[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "[3fff::1]", "[5f00::1]"),
        *("[2606:4700::1111%25eth0]", "[::1", "[v1.x]", "[]", "[127.0.0.1]"),
        *(
            "localhost",
            "LOCALHOST",
            "localhost.",
            "foo.localhost",
            "intranet",
            "instance-data",
            "ip6-localhost",
        ),
        *("printer.local", "metadata.google.internal", "kubernetes.default.svc", "nas.home.arpa", "db.corp"),
        *(
            "x.svc.cluster.local",
            "-",
            "a..b",
            ".example.com",
            "exa mple.com",
            "exam\tple.com",
            "example.com\\.x",
        ),
        *(
            "xn--",
            "a" * 64 + ".com",
            ".".join(["a" * 60] * 5),
            "exa\u200bmple.com",
            "exa\u00admple.com",
            "ⓔxample.com",
        ),
        *(
            "ex'ample.com",
            "$(x).com",
            "{x}.com",
            "example.com,127.0.0.1",
            "",
            ":443",
            "@127.0.0.1",
            "a@b.example",
        ),
        *("example.com@127.0.0.1", "127.0.0.1#@example.com", "127.0.0.1:443@example.com", "u:p@example.com"),
        *("example.com:22", "example.com:25", "example.com:0", "example.com:65536", "example.com:-1"),
        *("example.com:443:22", "example.com:x", "127.0.0.1\\@example.com", "example.com\r\nX: y"),
    ],
)
def test_all_other_hosts_are_refused(host: str) -> None:
    for scheme in ("http", "https"):
        why = LOOSE.objection(f"{scheme}://{host}/hook?key=hidden")
        assert why is not None
        assert "hidden" not in why


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://example.com/",
            "gopher://example.com/",
            "data:text/plain,x",
            "javascript:1",
        ),
        *(
            "//example.com/",
            "example.com/x",
            "/x",
            "",
            "https:example.com",
            "https:/example.com",
            "https:///x",
        ),
        *(
            "https://",
            "http+unix://%2fvar%2frun%2fdocker.sock/x",
            " https://example.com",
            "https://example.com/\n",
        ),
        *("https://example.com/\x00", "https://example.com/\u2028x", "https:\\\\example.com/"),
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert LOOSE.objection(url) is not None


def test_calls_are_encrypted_unless_the_installation_says_otherwise() -> None:
    assert "AUTOMATION_WEBHOOK__ALLOW_HTTP" in str(STRICT.objection("http://hooks.example.com/"))
    assert LOOSE.objection("http://hooks.example.com/") is None


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://10.1.2.3/", True),
        ("http://127.0.0.1:8080/", True),
        ("https://[fd12::1]/", True),
        ("https://receiver/", True),
        ("https://receiver.corp/", True),
        ("https://10.2.2.3/", False),
        ("https://127.0.0.2/", False),
        ("https://2130706433/", False),
    ],
)
def test_a_company_may_allow_networks_of_its_own(url: str, allowed: bool) -> None:
    assert (INTERNAL.objection(url) is None) is allowed


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"])
def test_a_machines_own_credentials_are_out_of_reach_whatever_is_allowed(address: str) -> None:
    everything = Destinations.of(Webhook(allowed_networks="0.0.0.0/0, ::/0"))
    assert everything.address_objection("192.168.0.1") is None
    assert everything.address_objection(address) is not None


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.215.14", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("::ffff:93.184.215.14", False),
        ("fe80::1%eth0", False),
        ("no address", False),
    ],
)
def test_what_a_name_leads_to_is_judged_as_what_is_written(address: str, allowed: bool) -> None:
    assert (STRICT.address_objection(address) is None) is allowed


@pytest.mark.skipif(not SAMPLE.exists(), reason="the collection of URLs is not here")
def test_collected_tricks_are_refused() -> None:
    cases = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    # What only a look-up can tell is told in the tests of the channel.
    written = [case for case in cases if case["id"] not in ("u055", "u103")]
    judged = {case["url"]: "block" if LOOSE.objection(case["url"]) else "allow" for case in written}
    expected = {case["url"]: case["expected"] for case in written if case["expected"] != "either"}
    assert {url: judged[url] for url in expected} == expected


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.0/8 10.1.0.0/16"])
def test_networks_that_cannot_be_read_are_refused(networks: str) -> None:
    with pytest.raises(ValueError, match="IP addresses and networks"):
        Webhook(allowed_networks=networks)


@pytest.mark.parametrize(
    "secret",
    ["right horse", "whsec_====", "whsec_c2hvcnQ=", "c2hvcnQ=", "whsec_" + "A" * 100, "whsec_!" + "A" * 43],
)
def test_a_secret_that_others_would_read_otherwise_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as refused:
        Webhook.model_validate({"secret": secret})
    assert secret not in str(refused.value)
