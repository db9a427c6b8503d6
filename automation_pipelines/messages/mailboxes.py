"""Which mailbox provider an address belongs to, in one word: what deliverability is told apart by.

A table, by domain alone: companies whose own domain is kept by Google, Microsoft and others are `other`,
since nobody is asked where their mail goes. The words are few and stay: figures are filed under them.
"""

import re
from functools import lru_cache

OTHER = "other"

_DOMAINS = {
    "gmail": "gmail.com googlemail.com",
    "outlook": "outlook.com hotmail.com live.com msn.com passport.com windowslive.com",
    "yahoo": "yahoo.com ymail.com rocketmail.com",
    "aol": "aol.com aim.com netscape.net verizon.net",
    "apple": "icloud.com me.com mac.com",
    "gmx": "gmx.com gmx.net gmx.de gmx.at gmx.ch gmx.info gmx.eu caramail.com mail.com",
    "web_de": "web.de email.de",
    "t_online": "t-online.de magenta.de",
    "freenet": "freenet.de",
    "orange": "orange.fr wanadoo.fr voila.fr orange.es orange.pl",
    "free": "free.fr aliceadsl.fr libertysurf.fr",
    "sfr": "sfr.fr neuf.fr cegetel.net numericable.fr",
    "laposte": "laposte.net",
    "libero": "libero.it iol.it inwind.it blu.it giallo.it",
    "tim": "tim.it alice.it tin.it virgilio.it",
    "wp": "wp.pl o2.pl",
    "onet": "onet.pl onet.eu op.pl vp.pl poczta.onet.pl",
    "interia": "interia.pl interia.eu poczta.fm",
    "seznam": "seznam.cz email.cz post.cz centrum.cz",
    "mail_ru": "mail.ru inbox.ru bk.ru list.ru internet.ru",
    "yandex": "yandex.ru yandex.com ya.ru narod.ru",
    "comcast": "comcast.net xfinity.com",
    "att": "att.net sbcglobal.net bellsouth.net",
    "btinternet": "btinternet.com btopenworld.com",
    "uol": "uol.com.br bol.com.br",
    "proton": "proton.me protonmail.com protonmail.ch pm.me",
    "fastmail": "fastmail.com fastmail.fm",
    "zoho": "zoho.com zohomail.com",
    "qq": "qq.com foxmail.com",
    "netease": "163.com 126.com yeah.net",
    "naver": "naver.com",
    "rediff": "rediffmail.com",
}
_WORDS = {domain: word for word, domains in _DOMAINS.items() for domain in domains.split()}

# Brands with a domain in many countries: yahoo.co.uk, hotmail.fr, live.com.au, yandex.com.tr.
_BRANDS = {
    "hotmail": "outlook",
    "live": "outlook",
    "outlook": "outlook",
    "yahoo": "yahoo",
    "aol": "aol",
    "yandex": "yandex",
}
_OF_A_COUNTRY = re.compile(r"((?:co|com)\.)?[a-z]{2}\Z")

MAILBOXES = (*_DOMAINS, OTHER)
"""All the words there are."""


@lru_cache(maxsize=16_384)
def mailbox_of(domain: str) -> str:
    """Whose mailboxes a domain has, ASCII and in lower case."""
    word = _WORDS.get(domain)
    if word is not None:
        return word
    brand, _, rest = domain.partition(".")
    return _BRANDS[brand] if brand in _BRANDS and _OF_A_COUNTRY.match(rest) else OTHER


def domain_of(address: str) -> str:
    """The domain of an address as it goes on the wire, in lower case."""
    return address.rpartition("@")[2].lower()
