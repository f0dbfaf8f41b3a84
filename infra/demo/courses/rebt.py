"""Rational emotive behaviour therapy: a surgeon's 'must', disputed and practised."""

from typing import Final

from infra.demo.model import Course, Meeting, Person, levels

COURSE: Final = Course(
    key="rebt",
    title="rational emotive behavioural",
    modality="rebt",
    client=Person("viktor.sandor", "Viktor Sándor", "client"),
    birth_date="1979-12-01",
    therapist=Person("ada.rivera", "Dr. Ada Rivera"),
    supervisor=None,
    hour=13,
    problems=("Rage after small mistakes, his own and others'.", "Lies awake before operations."),
    strengths=("Argues fairly.", "Can laugh at himself, afterwards."),
    goal={
        "description": "To be annoyed by mistakes instead of enraged, and to do the next sensible thing.",
        "clients_words": "To stop being the man they whisper about.",
        "levels": levels(
            "shouts, and defends it",
            "shouts, and apologises",
            "leaves the room, and comes back",
            "says what he wants instead",
            "helps with the mistake",
        ),
        "weight": 2,
        "problem": 0,
    },
    intervention={
        "what": "A-B-C-D-E on situations of the week; imagery; practice at work.",
        "frequency": "weekly, then fortnightly",
    },
    agrees="Agreed. I would have written 'never', you talked me out of it.",
    measure="gad-7",
    format="narrative",
    meetings=(
        Meeting(
            0,
            "A: a tray was laid out in the wrong order. B: 'They must do it properly, and if not I cannot stand it.' C: shouting, "
            "hot face, a night without sleep. The connection of B and C was new to him, and he disputed it at once.",
            alliance=42,
            outcome=13,
            attained=-2,
            homework="Write down one A-B-C a day, the B in one sentence with 'must'.",
        ),
        Meeting(
            1,
            "Six A-B-Cs, all about others. The seventh, about a knot of his own, he told at the door.",
            alliance=43,
            outcome=13,
            done=("fully", "They all look alike. That is embarrassing."),
        ),
        Meeting(
            2,
            "D on 'I must not make a mistake': where is that written, what follows from it, what does it do at three in the morning. "
            "E: 'I want to do it well, very much. I do not have to.'",
            alliance=45,
            outcome=12,
            attained=-1,
            homework="Imagine the tray, feel the rage, change it to strong annoyance. Ten minutes daily.",
        ),
        Meeting(
            4,
            "The imagery works at home and fails in theatre. We looked for the belief that comes first: 'It is dangerous.'",
            moments=({"kind": "resistance", "significance": 3, "text": "Debates the method when the knot comes near."},),
            alliance=44,
            outcome=12,
            done=("partly", "It works in the kitchen."),
        ),
        Meeting(
            6,
            "I disputed faster than he could think. He said 'You must be right, mustn't you', and it was a good joke and a true one.",
            private={"countertransference": "I enjoyed winning. He is quick, and I wanted to be quicker."},
            moments=(
                {
                    "kind": "rupture_confrontation",
                    "code": "rejects_intervention",
                    "significance": 4,
                    "text": "Turned the dispute round on me.",
                    "class": "open",
                },
                {
                    "kind": "repair",
                    "code": "acknowledge",
                    "significance": 4,
                    "text": "I said that I had been arguing, not asking.",
                    "class": "open",
                },
            ),
            alliance=36,
            outcome=12,
        ),
        Meeting(
            7,
            "Worked slowly, by his questions. Under the rage: a resident whom he lost, eleven years ago.",
            moments=(
                {
                    "kind": "repair",
                    "code": "explore",
                    "significance": 5,
                    "text": "What it was like to be argued with here.",
                    "class": "open",
                },
            ),
            alliance=44,
            outcome=10,
            attained=0,
            homework="Leave theatre for one minute when the 'must' comes. Say that you will be back.",
        ),
        Meeting(
            10,
            "Left twice, came back twice. The nurse held the door the second time.",
            alliance=47,
            outcome=9,
            done=("fully", "One minute is long. They waited."),
            homework="Say once a week what you want, with the word 'please', and feel ridiculous on purpose.",
        ),
        Meeting(
            13,
            "Shame attack, done on purpose: sang in the lift. Nothing followed, except a colleague's harmony.",
            alliance=48,
            outcome=8,
            attained=1,
            done=("fully", "The lift sang back."),
        ),
        Meeting(
            16,
            "A complication, in time and well handled. He did not sleep, and was sad instead of furious.",
            moments=(
                {
                    "kind": "corrective_experience",
                    "significance": 4,
                    "class": "open",
                    "corrective": {
                        "feared": "to be finished as a surgeon",
                        "happened": "the team stayed and went through it with him",
                        "felt": "sad, and not alone",
                        "said": "I had wanted it to go well, and it did not",
                    },
                },
            ),
            alliance=49,
            outcome=8,
        ),
        Meeting(19, "Teaches the A-B-C to a resident, without calling it that.", alliance=50, outcome=6),
        Meeting(22, "One shout in six weeks. Apologised, and looked at the B.", alliance=50, outcome=6, attained=1),
        Meeting(
            25,
            "Preferences, strongly held. He wants to keep two sessions a year, 'as for the car'.",
            alliance=51,
            outcome=4,
            attained=1,
        ),
    ),
    review="The goal stands; 'whisper' was heard from nobody. Sleep before operations is added to what we look at.",
)
