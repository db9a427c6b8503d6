"""A person is erased everywhere, and suppressed: `automation forget`."""

from automation_pipelines.forgetting.forget import Forgotten, forget, forgotten_since
from automation_pipelines.forgetting.person import customer_number

__all__ = ["Forgotten", "customer_number", "forget", "forgotten_since"]
