"""The message in a browser is the one that was sent, shown where it can do nothing."""

import sqlalchemy as sa

from automation_pipelines.channels import build_channels, closing
from automation_pipelines.ledger.tables import job_payloads
from tests.api.served import Site


def test_it_is_shown_while_it_is_kept(site: Site) -> None:
    sent = site.letter()
    channels = build_channels(site.room.settings)
    with closing(channels):
        site.room.deliver(channels)
    waiting = site.letter()
    with site.client() as client:
        shown = client.get(site.path("view", sent))
        assert (shown.status_code, "<p>Dear</p>" in shown.text) == (200, True)
        policy = shown.headers["content-security-policy"]
        assert policy.startswith("sandbox ")
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        assert client.get(site.path("view", waiting), headers={"Accept-Language": "fr"}).status_code == 410
        with site.database.begin() as connection:
            connection.execute(sa.delete(job_payloads).where(job_payloads.c.job_id == sent.job_id))
        gone = client.get(site.path("view", sent), headers={"Accept-Language": "fr"})
    assert (gone.status_code, "Ce message n’est plus conservé" in gone.text) == (410, True)
