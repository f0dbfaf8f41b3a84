"""Integrative: grief, a trainee's case under supervision, and a concern that went past the therapist."""

from typing import Final

from infra.demo.model import Course, Meeting, Person, levels

COURSE: Final = Course(
    key="integrative",
    title="integrative",
    modality="integrative",
    client=Person("dilek.aydin", "Dilek Aydın", "client"),
    birth_date="1967-07-22",
    therapist=Person("tomas.novak", "Tomáš Novák", "trainee"),
    supervisor=Person("mara.lind", "Mara Lind", "supervisor"),
    hour=15,
    problems=("Her husband died in spring; she functions and feels nothing.", "Has not touched his workshop."),
    strengths=("Keeps a garden.", "A daughter who telephones on Sundays."),
    goal={
        "description": "To have room for grief in the week, and for other things too.",
        "clients_words": "To go into the workshop and come out again.",
        "levels": levels(
            "walks round the house to avoid it",
            "stands at its door",
            "goes in for a minute",
            "takes something out",
            "works there",
        ),
        "problem": 1,
    },
    intervention={
        "what": "Dual process: an hour for loss, an hour for life; letters, empty chair when wanted.",
        "frequency": "weekly",
    },
    agrees="My daughter would say that it is a good plan. I say so too.",
    measure="core-10",
    format="GIRP",
    meetings=(
        Meeting(
            0,
            {
                "goal": "Get to know each other; find out what she hopes for.",
                "intervention": "Asked about him, and about the garden.",
                "response": "Spoke of both in the same even voice. At the tomatoes it broke for a moment.",
                "plan": "Weekly. Tell her that I am in training, and that my supervisor reads my notes: she agreed.",
            },
            alliance=43,
            outcome=20,
            attained=-2,
        ),
        Meeting(
            1,
            "Two lists: what hurts, what has to be done. The second is long and neat.",
            alliance=44,
            outcome=20,
            homework="One thing a day that is for nobody.",
        ),
        Meeting(
            3,
            "Sat in the garden with nothing in her hands, twice.",
            alliance=45,
            outcome=18,
            attained=-1,
            done=("partly", "Twice. It was very quiet."),
        ),
        Meeting(
            5,
            "I proposed a letter to him, with enthusiasm. She nodded, and the next week she was ill.",
            private={"countertransference": "My grandmother's kitchen. I wanted it to be over for her, and for me."},
            moments=(
                {
                    "kind": "rupture_withdrawal",
                    "code": "deferential",
                    "significance": 3,
                    "text": "Agreed to the letter, and looked at the clock.",
                    "class": "open",
                },
            ),
            alliance=37,
            outcome=19,
        ),
        Meeting(6, "", attendance="late_cancelled"),
        Meeting(
            7,
            "I said that the letter had been my idea and came too early. She said that he never read letters.",
            moments=(
                {
                    "kind": "repair",
                    "code": "acknowledge",
                    "significance": 4,
                    "text": "My pace, not hers.",
                    "class": "open",
                },
                {
                    "kind": "repair",
                    "code": "renegotiate_task",
                    "significance": 4,
                    "text": "She talks to him while watering. That is the letter.",
                    "class": "open",
                },
            ),
            alliance=44,
            outcome=17,
        ),
        Meeting(
            9,
            "Told him about the roof while watering. Told me that she was angry about the roof.",
            alliance=46,
            outcome=16,
            attained=-1,
        ),
        Meeting(
            12,
            "Empty chair, by her wish. She scolded it, and moved it closer.",
            moments=(
                {
                    "kind": "corrective_experience",
                    "significance": 5,
                    "class": "open",
                    "corrective": {
                        "feared": "that anger would take him from her",
                        "happened": "she laughed, and missed him more",
                        "felt": "alive",
                        "said": "he would have said: at last",
                    },
                },
            ),
            alliance=48,
            outcome=13,
            attained=0,
        ),
        Meeting(15, "In the workshop for a minute. It smells of him and of glue.", alliance=49, outcome=12),
        Meeting(18, "Took out the red kettle. It leaks, and stays on the sill.", alliance=49, outcome=11, attained=1),
        Meeting(22, "First Sunday on which she telephoned her daughter.", alliance=50, outcome=9),
        Meeting(
            25,
            {
                "goal": "Look back; see what is still wanted.",
                "intervention": "Read the plan aloud together.",
                "response": "Has mended a chair in the workshop. Cried on the way here, and wore the blue coat.",
                "plan": "Four more sessions towards the anniversary.",
            },
            alliance=50,
            outcome=8,
            attained=1,
        ),
    ),
    review="She keeps the goal. 'Come out again' is the part that works already.",
    concern="The waiting room shares a thin wall with the room. Last month I heard a name. I do not want mine to be heard.",
    concern_answer="You are right, and thank you. A door seal and a sound machine are in since Monday; the room at the end is yours if you prefer it.",
)
