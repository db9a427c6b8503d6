"""From a template and a job's variables to subject, HTML and text, or to the text of a short channel.

Jinja in a sandbox: an unknown variable is an error, a null prints as nothing, HTML is escaped and
text is not. A template is prepared and compiled once and then only filled in. What may be filled in is
`context`'s, addresses, headers and bytes are `mime`'s, on whose behalf a message goes is `senders`'.
"""

from automation_pipelines.messages.environment import NAMESPACES, render_text, text_needs
from automation_pipelines.messages.source import FILES, NOTES, Content, NoteContent, TemplateSource, file_of
from automation_pipelines.messages.template import MessageTemplate, compiled, undeclared

__all__ = [
    "FILES",
    "NAMESPACES",
    "NOTES",
    "Content",
    "MessageTemplate",
    "NoteContent",
    "TemplateSource",
    "compiled",
    "file_of",
    "render_text",
    "text_needs",
    "undeclared",
]
