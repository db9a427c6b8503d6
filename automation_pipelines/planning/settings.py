"""The settings of every tenant as one wide frame: what the environment says, and the tenant's own over it.

Which settings there are is `catalogue.tenant_settings`'. What a campaign file says outranks both: it
names a setting, or it does not.
"""

from collections.abc import Iterator

import polars as pl

from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS, Setting
from automation_pipelines.conditions import unknown
from automation_pipelines.errors import ConfigurationError, ContractError
from automation_pipelines.model import Scalar
from automation_pipelines.selection import no_settings
from automation_pipelines.settings import TenantDefaults


def settings_frame(tenants: pl.DataFrame, own: pl.DataFrame, defaults: TenantDefaults) -> pl.DataFrame:
    """One row per tenant: `tenant_id` and a column for each setting, null where it is not set.

    `own` has the rows of source `tenant_settings`; `ContractError` names every one that is wrong.
    """
    given, wrong = _given(tenants, own)
    if wrong:
        raise ContractError(wrong)
    columns = {
        name: _column(setting, tenants, given.get(name, {}), _default(setting, defaults))
        for name, setting in TENANT_SETTINGS.items()
    }
    if defaults.disable_auto_engagement:
        columns["re_engagement_enabled"] = [False] * len(tenants)
    return pl.DataFrame({"tenant_id": tenants["id"], **columns}, schema=no_settings().schema)


Given = dict[str, dict[int, Scalar]]


def _given(tenants: pl.DataFrame, own: pl.DataFrame) -> tuple[Given, list[str]]:
    """Each setting's own values by tenant, and what is wrong with the others."""
    texts = dict(tenants.select("id", "id_text").iter_rows())
    given: Given = {}
    wrong: list[str] = []
    for tenant, name, text in own.select("tenant_id", "name", "value").iter_rows():
        if tenant not in texts:
            continue
        where = f"tenant_settings: tenant {texts[tenant]}"
        if name not in TENANT_SETTINGS:
            wrong.append(f"{where}: {unknown('setting', name, TENANT_SETTINGS)}")
            continue
        values = given.setdefault(name, {})
        if tenant in values:
            wrong.append(f"{where}: {name} is set twice: keep one row")
        try:
            values[tenant] = TENANT_SETTINGS[name].value(text)
        except ValueError as error:
            wrong.append(f"{where}: {_refused(TENANT_SETTINGS[name], text, error)}")
    return given, wrong


def _refused(setting: Setting, text: str, error: ValueError) -> str:
    hint = f" ({error})" if str(error) else ""
    return f"{setting.name} is '{text}', allowed: {setting.allowed}{hint}"


def _column(setting: Setting, tenants: pl.DataFrame, own: dict[int, Scalar], default: Scalar) -> list[Scalar]:
    if setting.name == "inactivity_days":  # a column of source `tenants` from before there were settings
        pairs = tenants.select("id", "inactivity_days").iter_rows()
        own = {tenant: default if days is None else days for tenant, days in pairs} | own
    return [own.get(tenant, default) for tenant in tenants["id"]]


def _default(setting: Setting, defaults: TenantDefaults) -> Scalar:
    said = None if setting.environment is None else defaults.value(setting.environment)
    if said is None:
        return setting.value(setting.default)
    text = next(_as_setting(setting, said), None)
    try:
        return setting.value(text)
    except ValueError as error:
        msg = f"{setting.environment}: {_refused(setting, said, error)}"
        raise ConfigurationError(msg) from None


def _as_setting(setting: Setting, said: str) -> Iterator[str]:
    """The text of one setting in what its variable says: some variables are written in their own way."""
    match setting.environment:
        case "QUOTE_FOLLOWUP_DAYS":
            place = int(setting.name[-1])
            yield from said.split(",")[place - 1 : place]
        case "BIRTHDAY_EMAIL_HOUR":
            yield f"{int(said):02}:00"
        case _:
            yield said
