"""What exists: the sources, audiences and statistics, one typed entry each.

Entries are data. What they mean is in `types`; how they run is in `extraction`, `selection` and `stats`.
"""
