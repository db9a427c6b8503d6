"""A text that WhatsApp has approved, in a template's `whatsapp.json`: its sid and what fills its places.

The file is JSON whose texts are templates, `{"content_sid": "HX…", "variables": {"1": "{{ first_name }}"}}`.
Values are escaped for JSON where they are printed, so nothing a person typed can end a text.
"""

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from automation_pipelines.errors import MessageError
from automation_pipelines.messages.source import FILES
from automation_pipelines.model import ContentTemplate

_SID = re.compile(r"HX[0-9a-fA-F]{32}")
_LIKE = 'write {"content_sid": "HX…", "variables": {"1": "{{ first_name }}"}}'
_KEYS = frozenset({"content_sid", "variables"})


def approved_text(filled: str) -> ContentTemplate:
    """Read the file once it is filled in; `MessageError` for what WhatsApp would refuse."""
    try:
        told = json.loads(filled)
    except ValueError as error:
        _refuse(f"no JSON: {error}")
    if not isinstance(told, dict) or not told.keys() <= _KEYS:
        _refuse(_LIKE)
    sid, variables = told.get("content_sid"), told.get("variables", {})
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        _refuse("content_sid: write the template's SID, HX and 32 hexadecimal digits")
    if not isinstance(variables, dict):
        _refuse(f"variables: {_LIKE}")
    return ContentTemplate(sid, _filled(variables))


def _filled(variables: Mapping[str, object]) -> dict[str, str]:
    """The values on one line each: WhatsApp takes no line breaks in them, nor empty ones."""
    found = {}
    for name, value in variables.items():
        if not isinstance(value, str):
            _refuse(f"variables.{name}: must be a text in quotes")
        found[name] = " ".join(value.split())
        if not found[name]:
            _refuse(f"variables.{name}: is empty, which WhatsApp refuses: write {{{{ … | default('…') }}}}")
    return found


def _refuse(what: str) -> NoReturn:
    msg = f"{FILES['approved']}: {what}"
    raise MessageError(msg) from None
