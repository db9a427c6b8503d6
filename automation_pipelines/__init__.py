"""Decide and send the right message to the right customer at the right time, exactly once.

The packages and modules are layers: each imports only from those below it (see CONTRIBUTING.md).
"""
