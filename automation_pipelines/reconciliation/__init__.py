"""A restored ledger and providers' logs → what was sent in the time that is lost, and the end of the hold.

`logs` reads files, `matching` finds the jobs, `asking` asks providers, `release` says what is still missing.
Nothing here sends or plans anything.
"""
