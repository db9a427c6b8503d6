"""The durable record: tables, their migrations, and one method per question asked of them.

Nothing here decides anything and nothing here knows Dagster, YAML or channels.
"""
