"""A preview knows campaigns that never ticked by passing numbers: the same in each of its ticks."""

from automation_pipelines.preview import preview
from tests.world import World, at


def test_a_campaign_that_never_ticked_is_previewed_once(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=1)
    for name, clock in (("zeta", "10:00"), ("alpha", "14:00")):
        step = {"id": "hello", "channel": "email", "template": "t"}
        schedule = {"date": "2026-03-02", "at": clock}
        spec = {"id": name, "title": name, "audience": "customers", "policy": {"one_per_address": False}}
        world.apply({**spec, "schedule": schedule, "steps": [step]}, start="2026-03-01T00:00")
    seen = preview(world.installation, since=at("2026-03-02T08:00"), until=at("2026-03-02T18:00"))
    assert seen.select("campaign", "reason").rows() == [("zeta", "planned"), ("alpha", "planned")]
