"""Trauma-informed: safety first, pace by the client's choice, and a gift that was talked over in supervision."""

from typing import Final

from infra.demo.model import Course, Meeting, Person, levels

COURSE: Final = Course(
    key="trauma-informed",
    title="trauma-informed",
    modality="trauma_informed",
    client=Person("rosa.kimani", "Rosa Kimani", "client"),
    birth_date="1990-03-08",
    therapist=Person("lena.marsh", "Dr. Lena Marsh"),
    supervisor=Person("mara.lind", "Mara Lind", "supervisor"),
    hour=14,
    problems=("Nightmares and startle since an assault two years ago.", "Does not leave the house after dark."),
    strengths=("Knows early when it gets too much.", "Her sister lives two streets away."),
    goal={
        "description": "To be in the evening again: window open, then doorstep, then street.",
        "clients_words": "To hear the evening without listening for something.",
        "levels": levels(
            "shutters down before dusk",
            "window open with the light on",
            "on the doorstep for ten minutes",
            "to her sister's and back",
            "an evening out",
        ),
        "weight": 2,
        "problem": 1,
    },
    intervention={"what": "Stabilisation, choice and pacing; memory work when and if she says so.", "frequency": "weekly"},
    agrees="Yes. And I say when we stop.",
    measure="pcl-5",
    format="DAP",
    meetings=(
        Meeting(
            0,
            {
                "data": "Chose the chair near the door. Told as much as she wished; was asked for no detail.",
                "assessment": "Post-traumatic stress, within her window for most of the hour. Safe at home by her account.",
                "plan": "Begin each session with a check of safety and a choice of what we do. A sign for 'stop' agreed: a flat hand.",
            },
            moments=(
                {"kind": "safety", "significance": 3, "text": "Used the stop sign once, to try it. It held.", "class": "open"},
            ),
            alliance=42,
            outcome=52,
            attained=-2,
        ),
        Meeting(
            1,
            "Grounding by five things in the room. She chose the radiator's hum.",
            alliance=44,
            outcome=51,
            homework="The radiator, twice a day, when you are well.",
        ),
        Meeting(
            2,
            "Named her own signs: cold hands is early, far-away sounds is late.",
            alliance=45,
            outcome=48,
            done=("fully", "It is company."),
        ),
        Meeting(
            4,
            "Sleep: a changed ending for the nightmare, written by her. The dog bites nobody.",
            alliance=46,
            outcome=45,
            attained=-1,
        ),
        Meeting(
            5,
            "I moved my chair without saying so. She was gone for some minutes; we came back by the radiator. I said what I had done.",
            private={"process": "I had leaned in because I was moved. Her body answered before either of us knew."},
            moments=(
                {
                    "kind": "rupture_withdrawal",
                    "code": "content_affect_split",
                    "significance": 4,
                    "text": "Spoke on, evenly, from far away.",
                    "class": "open",
                },
                {
                    "kind": "repair",
                    "code": "clarify",
                    "significance": 4,
                    "text": "What moved, who moved it, and that it was not her fault.",
                    "class": "open",
                },
            ),
            alliance=29,
            outcome=47,
        ),
        Meeting(
            6,
            "She rearranged the room. It stays so.",
            moments=(
                {
                    "kind": "corrective_experience",
                    "significance": 5,
                    "class": "open",
                    "corrective": {
                        "feared": "that nothing she says changes anything",
                        "happened": "the chairs stand where she put them",
                        "felt": "taller",
                        "said": "it is my room for an hour",
                    },
                },
            ),
            alliance=47,
            outcome=43,
        ),
        Meeting(
            8,
            "Window open at dusk, eleven evenings of fourteen.",
            alliance=48,
            outcome=38,
            attained=-1,
            boundary={
                "kind": "gift",
                "began_by": "client",
                "what": "A small cactus for the window sill of the room.",
                "reasoning": "Accepted for the room, not for me: it belongs to what she made of the place. Refusing would have undone that.",
                "consultation": "To be talked over in supervision this week.",
            },
        ),
        Meeting(9, "", attendance="cancelled"),
        Meeting(
            10,
            "Asked to tell one part of it, the part before. Told it with her hand flat on the arm of the chair, and stopped where she wished.",
            alliance=49,
            outcome=36,
        ),
        Meeting(12, "Doorstep, ten minutes, with tea. Her sister waved from the corner.", alliance=50, outcome=31, attained=0),
        Meeting(15, "Told the whole of it once, by her choice. Cold hands, no far-away sounds.", alliance=50, outcome=30),
        Meeting(18, "Slept five nights through. To her sister's and back, at nine.", alliance=51, outcome=24, attained=1),
        Meeting(21, "The letter from the court came. We used the hour for safety and for soup.", alliance=50, outcome=29),
        Meeting(25, "Concert in the park, until the end. 'I heard the evening.'", alliance=52, outcome=18, attained=1),
    ),
    review="Pace is hers and is right. Memory work was added in her words: 'a part, not the part'.",
)
