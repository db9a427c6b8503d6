"""The campaign file as JSON Schema, so that editors complete and check it while it is written.

It is made from the spec and from what exists here. It checks less than `apply` does: what depends on an
audience's columns or on other keys is only said there.
"""

from typing import Any

from automation_pipelines.campaign import Campaign
from automation_pipelines.validation.known import Known

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def campaign_schema(known: Known) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a campaign file in this installation."""
    schema = Campaign.model_json_schema(by_alias=True, mode="validation")
    for one in (schema, *schema["$defs"].values()):
        for properties in one.get("properties", {}).values():
            # A length as it is kept, not as it is written.
            if isinstance(properties.get("default"), dict):
                del properties["default"]
    step = schema["$defs"]["Step"]["properties"]
    words = {
        "audience": (schema["properties"], sorted(known.audiences)),
        "channel": (step, sorted(known.channels)),
        "action": (step, sorted(known.actions)),
    }
    for key, (properties, allowed) in words.items():
        properties[key] = {**_described(properties[key]), "type": "string", "enum": allowed}
    for key in ("recipient", "to", "cc", "bcc", "channels"):
        _one_or_more(step, key)
    return {"$schema": DRAFT, **schema}


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key in ("title", "description", "default")}


def _one_or_more(properties: dict[str, Any], key: str) -> None:
    """A list of one may be written as the word alone."""
    kept = properties[key]
    lists = [one for one in kept.get("anyOf", [kept]) if one.get("type") == "array"]
    several = {
        name: value for name, value in lists[0].items() if name not in ("title", "default", "description")
    }
    setting = {"type": "string", "pattern": r"^\{[a-z][a-z0-9_]*\}$"}
    forms = [several["items"], several, *([setting] if key in ("recipient", "channels") else [])]
    properties[key] = {**_described(kept), "anyOf": forms}
