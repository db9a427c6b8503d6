"""An invented travel platform to try the system on: its CRM and its mail provider's feedback.

Everything is derived from integer hashes of (seed, table, column, row), so the same arguments give
the same rows on every platform. Nothing outside this package depends on it.
"""
