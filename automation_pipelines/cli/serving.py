"""`automation serve`: pages, pixels and webhooks over HTTP."""

import click

from automation_pipelines.cli.front import Front


@click.command()
@click.option("--host", help="Where to listen. Default: AUTOMATION_SERVE_HOST.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Default: AUTOMATION_SERVE_PORT.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes. Default: AUTOMATION_SERVE_WORKERS.")
@click.pass_obj
def serve(front: Front, *, host: str | None, port: int | None, workers: int | None) -> None:
    """Answer over HTTP: unsubscriptions, preferences, opens, clicks, webhooks. SIGTERM ends it."""
    from automation_pipelines.api.service import links_of  # noqa: PLC0415 - it takes a second
    from automation_pipelines.api.serving import Listening, serve_for_ever  # noqa: PLC0415

    settings = front.settings
    listening = Listening(
        host or settings.serve_host,
        port or settings.serve_port,
        workers or settings.serve_workers,
    )
    url, _ = links_of(settings)
    front.ready.database.close()  # each process has connections of its own
    click.echo(f"serving {url} on http://{listening.host}:{listening.port}", err=True)
    serve_for_ever(listening)
