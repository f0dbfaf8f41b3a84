"""The golden thread: problem → goal → objective → intervention → note, and what hangs on nothing, on both sides."""

from collections.abc import Mapping, Sequence
from typing import Any


def thread(plans: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> dict[str, Any]:
    """`plans` as callers see them, without those that ended; `notes`: ids of progress notes that the caller may read."""
    goals = [goal for plan in plans for goal in plan["goals"]]
    linked = {link["note_id"] for goal in goals for link in goal["notes"]}
    used = {link["intervention_id"] for goal in goals for link in goal["notes"]}
    problems = [
        {"plan_id": plan["id"], "problem": number, "words": words}
        for plan in plans
        for number, words in enumerate(plan["problems"])
        if number not in {goal.get("problem") for goal in plan["goals"]}
    ]
    return {
        "plans": [
            {
                "id": plan["id"],
                "problems": list(plan["problems"]),
                "goals": [
                    {name: goal.get(name) for name in ("id", "objective_of", "description", "problem", "agreed")}
                    | {
                        "interventions": [{"id": i["id"], "what": i.get("what")} for i in goal["interventions"]],
                        "notes": goal["notes"],
                    }
                    for goal in plan["goals"]
                ],
            }
            for plan in plans
        ],
        "orphans": {
            "problems_without_goal": problems,
            "goals_without_intervention": [goal["id"] for goal in goals if not goal["interventions"]],
            "goals_without_note": [goal["id"] for goal in goals if not goal["notes"]],
            "interventions_without_note": [i["id"] for goal in goals for i in goal["interventions"] if i["id"] not in used],
            "notes_without_goal": [note for note in notes if note not in linked],
        },
    }
