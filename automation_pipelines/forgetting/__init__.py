"""A person is erased everywhere, and suppressed: `automation forget`."""

from automation_pipelines.forgetting.forget import Forgotten, forget

__all__ = ["Forgotten", "forget"]
