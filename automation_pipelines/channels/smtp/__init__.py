"""Servers that take e-mail: their URLs, what is said to them, and what their replies mean.

What belongs here knows one message and one connection at a time. Which of them work at once, and what
became of a whole batch, is the channel's (`email`). Secrets stay in here: no error carries them.
"""

from automation_pipelines.channels.smtp.letter import Letter
from automation_pipelines.channels.smtp.relays import Relays
from automation_pipelines.channels.smtp.replies import LONGEST, outcome_of, wait_asked
from automation_pipelines.channels.smtp.server import Server, servers
from automation_pipelines.channels.smtp.session import Session, Take

__all__ = ["LONGEST", "Letter", "Relays", "Server", "Session", "Take", "outcome_of", "servers", "wait_asked"]
