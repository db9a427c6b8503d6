"""Which opens and clicks are machines': stated rules, of which the first that holds names the `kind`.

| kind       | rule                                                                                    |
|------------|-----------------------------------------------------------------------------------------|
| `head`     | the request is a HEAD: somebody checks that there is something                          |
| `prefetch` | `Sec-Purpose`, `Purpose`, `X-Purpose` or `X-Moz` speak of prefetch, prerender, preview   |
| `no_agent` | there is no User-Agent                                                                  |
| `proxy`    | a mail provider fetches it, looked at or not: Apple's Mail Privacy Protection           |
|            | (`Mozilla/5.0` and nothing else), Gmail's and Yahoo's proxies                           |
| `scanner`  | a security product or link preview: SafeLinks, BingPreview, Barracuda, Proofpoint, …    |
| `script`   | a program library, a crawler, a headless browser                                        |
| `at_once`  | it comes within 10 seconds of the message's hand-off                                    |
| `burst`    | another link of the same message is clicked within 2 seconds of it                      |

What is left counts as a person's. A program that passes for a browser and takes its time is not told from
one. Pure; the last two rules need the past and are `ledger.machines`'.
"""

import re
from collections.abc import Mapping
from typing import Literal

Rule = Literal["head", "prefetch", "no_agent", "proxy", "scanner", "script"]

_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_AHEAD = re.compile("prefetch|preview|prerender", re.IGNORECASE)
_LONGEST = 1000

PROXIES = (
    "googleimageproxy",
    "ggpht",
    "yahoomailproxy",
    "yahoo! slurp",
    "protonmail",
    "fastmail",
    "duckduckgo",
)
"""Words in the User-Agents of mail providers that fetch pictures themselves."""
SCANNERS = (
    "barracuda",
    "bingpreview",
    "bitdefender",
    "cloudmark",
    "existence discovery",
    "fireeye",
    "forcepoint",
    "fortiguard",
    "google-safety",
    "ironport",
    "kaspersky",
    "messagelabs",
    "mimecast",
    "netcraft",
    "proofpoint",
    "safebrowsing",
    "safelinks",
    "skypeuripreview",
    "sophos",
    "symantec",
    "trendmicro",
    "trustwave",
    "urlscan",
    "virustotal",
    "websense",
)
"""Words in the User-Agents of what looks at mail before people do. Outlook's own (`ms-office`) is none."""
_PREVIEWERS = (
    "facebookexternalhit",
    "whatsapp/",
    "slack-imgproxy",
    "google-read-aloud",
    "embedly",
    "iframely",
)
_SCRIPTS = (
    "apache-httpclient",
    "aiohttp",
    "axios/",
    "curl/",
    "go-http-client",
    "got (",
    "headless",
    "httpx",
    "java/",
    "libwww",
    "lighthouse",
    "node-fetch",
    "phantomjs",
    "php/",
    "postmanruntime",
    "powershell",
    "puppeteer",
    "python",
    "ruby",
    "scrapy",
    "selenium",
    "undici",
    "wget",
)

# Apple's proxy says this and no more.
_BARE = "mozilla/5.0"
_PROXY = re.compile("|".join(map(re.escape, PROXIES)))
_SCANNER = re.compile("|".join(map(re.escape, (*SCANNERS, *_PREVIEWERS))))
# A maker of phones is called Cubot.
_SCRIPT = re.compile("|".join((*map(re.escape, _SCRIPTS), r"(?<!cu)bot\b", "crawler", "spider")))


def machine(method: str, headers: Mapping[str, str]) -> Rule | None:
    """The rule by which a hit is a machine's; `None`: nothing about it says so. Headers in lower case."""
    if method == "HEAD":
        return "head"
    if any(_AHEAD.search(headers.get(name, "")[:_LONGEST]) for name in _PURPOSES):
        return "prefetch"
    agent = headers.get("user-agent", "")[:_LONGEST].strip().lower()
    if not agent:
        return "no_agent"
    if agent == _BARE or _PROXY.search(agent):
        return "proxy"
    if _SCANNER.search(agent):
        return "scanner"
    return "script" if _SCRIPT.search(agent) else None
