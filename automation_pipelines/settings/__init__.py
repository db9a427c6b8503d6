"""Everything an operator can set, read from the environment once, at assembly.

Nothing else in the project reads the environment. URLs, keys and tokens are `SecretStr`, so printing
settings, logs and errors cannot leak them.
"""

from automation_pipelines.settings.environment import SecretUrl, Settings, TenantDefaults, provider_of

__all__ = ["SecretUrl", "Settings", "TenantDefaults", "provider_of"]
