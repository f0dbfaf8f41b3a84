"""What must look alike whether something is there or not, from outside."""

from datetime import UTC, datetime

from tests.e2e.rest import Rest
from tests.e2e.story import Story


async def test_none_and_some_withheld_ratings_look_alike(clinic: Rest) -> None:
    """A therapist's token with a care-team relationship: the choice for therapists is not theirs."""
    story = Story(clinic)
    await story.consent_is_given()
    relationship = {
        "client_id": story.told.client_id,
        "practitioner_id": story.okoye.sub,
        "role": "care_team",
        "period": {"start": datetime.now(UTC).date().isoformat()},
    }
    await story.intake.post("/v1/relationships", relationship)
    without = await story.alliance(story.okoye)
    asked = {"client_id": story.told.client_id, "instrument": "wai-sr", "rater": "client"}
    administration = (await story.marsh.post("/v1/administrations", asked)).id
    answers = {str(i): 4 for i in range(1, 13)}
    await story.client.post(f"/v1/administrations/{administration}/responses", {"answers": answers})
    assert await story.alliance(story.okoye) == without == {"released": False, "series": [], "episodes": []}
    assert (await story.alliance(story.marsh))["released"] is True


async def test_the_client_reads_the_choice_that_is_enforced(clinic: Rest) -> None:
    story = Story(clinic)
    await story.consent_is_given()
    path = f"/v1/clients/{story.told.client_id}/alliance/release"
    unchosen = (await story.client.get(path)).json
    assert (unchosen["therapist"], unchosen["supervisor"]) == ("immediate", "withheld")
    await story.client.put(path, {"supervisor": "delayed"})
    chosen = (await story.client.get(path)).json
    assert (chosen["therapist"], chosen["supervisor"]) == ("immediate", "delayed")
