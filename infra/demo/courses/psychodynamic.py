"""Psychodynamic: closeness that turns into distance, lived through once with the therapist."""

from typing import Final

from infra.demo.model import Course, Meeting, Person, levels

COURSE: Final = Course(
    key="psychodynamic",
    title="psychodynamic",
    modality="psychodynamic",
    client=Person("ilse.brandt", "Ilse Brandt", "client"),
    birth_date="1984-02-11",
    therapist=Person("lena.marsh", "Dr. Lena Marsh"),
    supervisor=Person("mara.lind", "Mara Lind", "supervisor"),
    hour=8,
    problems=("Steps back as soon as somebody comes close.", "Low for weeks after a parting."),
    strengths=("Notices fine changes of mood.", "Has kept one friendship for twenty years."),
    goal={
        "description": "To notice the moment of stepping back, and to stay a little longer.",
        "clients_words": "I would like to still be there when it gets good.",
        "levels": levels(
            "leaves before noticing",
            "notices a day later",
            "notices while it happens",
            "says so to the other person",
            "says so and stays",
        ),
        "weight": 3,
        "problem": 0,
        "responsible": "Ilse Brandt and Dr. Marsh",
    },
    intervention={"what": "Weekly sessions; what happens between us is looked at as it happens.", "frequency": "weekly"},
    agrees="Yes. It frightens me a bit, that is why I think it is the right one.",
    measure="phq-9",
    format="SOAP",
    meetings=(
        Meeting(
            0,
            {
                "subjective": "Comes after the third relationship that ended when it became serious. Sleeps lightly, eats little.",
                "objective": "Attentive, speaks quietly, smiles when it gets sad.",
                "assessment": "Depressed mood of moderate degree. A wish for closeness and a fear of it stand side by side.",
                "plan": "Weekly sessions. Goal agreed today; questionnaire after each session.",
            },
            alliance=44,
            outcome=15,
            attained=-2,
        ),
        Meeting(1, "Told of her mother's long stays in hospital, and of being 'the easy child'.", alliance=45, outcome=15),
        Meeting(
            3,
            "Noticed that she leaves parties before anybody could ask her to stay.",
            private={"transference": "Waits for me to grow tired of her, and makes herself light so that I need not."},
            alliance=46,
            outcome=13,
            attained=-1,
        ),
        Meeting(5, "A dream of a house with one lit window; she stands outside and is not cold.", alliance=47, outcome=12),
        Meeting(6, "", attendance="late_cancelled"),
        Meeting(
            7,
            "Came back after the cancelled session with little to say. The coming break was named.",
            private={
                "countertransference": "I filled the silence. I wanted to be the one who does not leave.",
                "process": "The break in two weeks has begun already.",
            },
            moments=(
                {
                    "kind": "rupture_withdrawal",
                    "code": "minimal_response",
                    "significance": 4,
                    "text": "Short answers since the break was announced.",
                    "class": "open",
                },
                {"kind": "countertransference", "significance": 3, "text": "A pull to promise that I will be back."},
            ),
            alliance=32,
            outcome=14,
        ),
        Meeting(
            8,
            "Spoke of having wanted to cancel for good, and of having come to say so.",
            moments=(
                {
                    "kind": "repair",
                    "code": "acknowledge",
                    "significance": 4,
                    "text": "Said that my break had come between us.",
                    "class": "open",
                },
                {
                    "kind": "repair",
                    "code": "link_to_pattern",
                    "significance": 5,
                    "text": "Leaving first, before she is left: her words.",
                    "class": "open",
                },
            ),
            alliance=35,
            outcome=12,
            attained=0,
        ),
        Meeting(
            11,
            {
                "subjective": "Was afraid that I would be offended. Instead we laughed about how she had rehearsed it.",
                "objective": "More upright, looks at me while she speaks of anger.",
                "assessment": "Anger could be said and the contact held. Mood lifting.",
                "plan": "Stay with what it is like to be expected back.",
            },
            moments=(
                {
                    "kind": "corrective_experience",
                    "significance": 5,
                    "class": "open",
                    "corrective": {
                        "feared": "to be dropped for being angry",
                        "happened": "was thanked for saying it",
                        "felt": "relief, then tiredness",
                        "said": "so one can be cross and come back",
                    },
                },
            ),
            alliance=48,
            outcome=9,
            attained=0,
        ),
        Meeting(
            14, "Stayed at her friend's for a whole weekend; wanted to leave on Saturday, and said so.", alliance=49, outcome=8
        ),
        Meeting(17, "Grief for the easy child came up without being asked for.", alliance=49, outcome=8, attained=1),
        Meeting(20, "Met somebody. Is afraid, and curious what she will do.", alliance=50, outcome=6),
        Meeting(
            25,
            {
                "subjective": "Told him that she tends to disappear. He said that he had noticed.",
                "objective": "Lively, thoughtful.",
                "assessment": "The goal is reached beyond what was expected. Mood without findings for six weeks.",
                "plan": "Go on fortnightly; end in view, to be talked about early.",
            },
            alliance=51,
            outcome=4,
            attained=2,
        ),
    ),
    review="The goal still fits. Parting itself is now part of the work: the end will be talked about three months ahead.",
)
