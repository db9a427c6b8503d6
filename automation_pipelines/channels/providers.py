"""Which channels there are, what each takes, and whether this installation can deliver it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from automation_pipelines.channels.channel import Channel
from automation_pipelines.channels.outbox import Kind
from automation_pipelines.model import Call, Command, Note
from automation_pipelines.settings import Settings, provider_of


@dataclass(frozen=True, slots=True)
class Provider:
    """The other side of a channel. Without a `module` there is none yet: hand-offs can only be filed."""

    kind: Kind
    module: str | None = None
    """Of `channels`; it has `build(name, settings) -> Channel`."""
    setting: str | None = None
    """The field of `Settings` that says how to reach it; `None`: nothing needs to be said."""
    package: str | None = None
    """What must be importable."""
    extra: str | None = None
    """The optional dependency that brings it."""
    action: str | None = None
    """The write-back that it is; so it needs a CRM that can be written."""
    one_of: tuple[str, ...] = ()
    """Fields of the setting, one of which must be given besides."""


PROVIDERS: Mapping[str, Provider] = {
    "sms": Provider(
        Note, "twilio", "twilio", "twilio", "twilio", one_of=("messaging_service_sid", "numbers")
    ),
    "whatsapp": Provider(Note, "twilio", "twilio", "twilio", "twilio", one_of=("whatsapp",)),
    "push": Provider(Note, "push", "push", "google.oauth2", "push"),
    "wallet": Provider(Note, "wallet", "wallet"),
    "phone": Provider(Note, "phone", action="create_call"),
    "in_app": Provider(Note, "in_app"),
    "chat": Provider(Note, "chat", "chat", "apprise", "chat"),
    "interaction": Provider(Note),
    "webhook": Provider(Call, "webhook", "webhook"),
    "hubspot": Provider(Command, "hubspot", "hubspot", "hubspot", "hubspot"),
    "salesforce": Provider(Command, "salesforce", "salesforce", "simple_salesforce", "salesforce"),
    "slack": Provider(Command, "chat", "chat", "apprise", "chat"),
}
"""Every channel but `email`, `crm` and `wait`, which are each built in their own way."""


WRITABLE = ("sqlite", "postgresql")
"""The CRMs whose transactions we know how to mark."""


def missing(settings: Settings, name: str) -> str | None:
    """What stands between a channel and its provider, and what to do about it; `None`: nothing."""
    provider = PROVIDERS[name]
    if provider.module is None:
        return (
            f"channel '{name}' has no provider yet: name it in AUTOMATION_FILED_CHANNELS and its messages "
            "become files for somebody else to carry on"
        )
    if provider.action is not None and settings.crm_backend not in WRITABLE:
        return (
            f"channel '{name}' adds tasks to the CRM, and this one cannot be written: connect one in SQLite "
            "or PostgreSQL, or name the channel in AUTOMATION_FILED_CHANNELS to have its messages as files"
        )
    if provider.setting is not None and getattr(settings, provider.setting) is None:
        names = ", ".join(_variables(provider.setting))
        return (
            f"channel '{name}' is not configured: set {names}, or name it in AUTOMATION_FILED_CHANNELS "
            "to have its messages as files"
        )
    given = getattr(settings, provider.setting) if provider.setting is not None else None
    if provider.one_of and not any(getattr(given, field) for field in provider.one_of):
        names = " or ".join(f"AUTOMATION_{provider.setting}__{field}".upper() for field in provider.one_of)
        return f"channel '{name}' has no sender: set {names}"
    if provider.package is not None and not _is_there(provider.package):
        return (
            f"channel '{name}' is not installed: run `pip install 'automation-pipelines[{provider.extra}]'`"
        )
    return None


def is_filed(settings: Settings, name: str) -> bool:
    """Whether its hand-offs become files: on purpose, or because nothing is set up to leave at all."""
    return name in settings.filed or (settings.smtp_url is None and not _is_set_up(settings, name))


def build(settings: Settings, name: str) -> Channel:
    """The channel to a provider that nothing is `missing` of."""
    module = import_module(f"automation_pipelines.channels.{PROVIDERS[name].module}")
    made: Channel = module.build(name, settings)
    return made


def _is_set_up(settings: Settings, name: str) -> bool:
    """Whether somebody wanted it: what works without a word, such as webhooks, may not have been wanted."""
    setting = PROVIDERS[name].setting
    said = setting is None or setting in settings.model_fields_set
    return said and missing(settings, name) is None


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # what it is a part of
        return False


def _variables(setting: str) -> list[str]:
    """The environment variables that must be set."""
    model = provider_of(setting)
    fields = model.model_fields.items() if model else ()
    return [f"AUTOMATION_{setting}__{name}".upper() for name, field in fields if field.is_required()]
