"""The `automation` command: thin. Each command reads the clock once and calls the same stages as Dagster."""
