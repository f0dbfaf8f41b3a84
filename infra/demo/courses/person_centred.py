"""Person-centred: a teacher who has learned to be fine, and what he finds when nobody asks him to be."""

from typing import Final

from infra.demo.model import Course, Meeting, Person, levels

COURSE: Final = Course(
    key="person-centred",
    title="person-centred",
    modality="humanistic",
    client=Person("joao.prates", "João Prates", "client"),
    birth_date="1972-09-30",
    therapist=Person("sam.okoye", "Sam Okoye"),
    supervisor=None,
    hour=9,
    problems=("Exhausted after thirty years of teaching.", "Does not know what he wants when nobody needs him."),
    strengths=("Warm with others.", "Says when something does not ring true."),
    goal={
        "description": "To find out what he feels before he says what is expected.",
        "clients_words": "To have an answer of my own when somebody asks how I am.",
        "levels": levels(
            "says 'fine' and believes it",
            "says 'fine' and notices",
            "finds a word of his own afterwards",
            "finds it while he is asked",
            "says it",
        ),
        "problem": 1,
    },
    intervention={"what": "Client-led sessions; what is felt is met as it is, without advice.", "frequency": "weekly"},
    agrees="Good. Though I notice that I would have agreed to anything.",
    measure="core-10",
    format="narrative",
    meetings=(
        Meeting(
            0,
            "Speaks in full paragraphs, as if for a class. Asked himself in the middle whether this is what I need to hear. "
            "We stayed with the question, and with the laugh that came after it.",
            alliance=43,
            outcome=19,
            attained=-2,
        ),
        Meeting(
            1,
            "Tired. A heaviness behind the breastbone, for which he looked for a word and left it at 'grey'.",
            alliance=44,
            outcome=19,
        ),
        Meeting(
            3,
            "The school will not replace him; he told it as an honour. Then it was quiet, and it was none.",
            moments=(
                {"kind": "safety", "significance": 3, "text": "Could be without a plan for some minutes.", "class": "open"},
            ),
            alliance=46,
            outcome=17,
            attained=-1,
        ),
        Meeting(5, "'Grey' became 'like a coat that belongs to somebody else'. He took off his jacket.", alliance=47, outcome=16),
        Meeting(
            7,
            "Asked for exercises to do at home, with some force. I had understood it as a test and said so too early.",
            private={"process": "I explained the method when he had asked for help. My need to be consistent, not his."},
            moments=(
                {
                    "kind": "rupture_confrontation",
                    "code": "complains_about_activities",
                    "significance": 4,
                    "text": "We only talk, and nothing is done here.",
                    "class": "open",
                },
            ),
            alliance=35,
            outcome=17,
        ),
        Meeting(
            8,
            "I told him that I had explained instead of listening. He had expected a mark for his homework, he said, and got an apology.",
            moments=(
                {
                    "kind": "repair",
                    "code": "validate",
                    "significance": 4,
                    "text": "His wish for something to hold on to made sense.",
                    "class": "open",
                },
                {
                    "kind": "repair",
                    "code": "renegotiate_task",
                    "significance": 3,
                    "text": "A notebook, if he likes it, which nobody reads.",
                    "class": "open",
                },
            ),
            alliance=45,
            outcome=15,
            homework="A notebook for words that fit. Nobody reads it.",
        ),
        Meeting(
            10,
            "Brought the notebook and did not open it.",
            alliance=47,
            outcome=13,
            attained=0,
            done=("partly", "Four days, and then I forgot, and that was all right."),
        ),
        Meeting(12, "", attendance="no_show"),
        Meeting(
            13,
            "Had slept through the appointment, for the first time in his life. Nobody was angry; he tried out being proud of it.",
            moments=(
                {
                    "kind": "corrective_experience",
                    "significance": 4,
                    "class": "open",
                    "corrective": {
                        "feared": "to be a disappointment",
                        "happened": "was asked how he had slept",
                        "felt": "shame, then warmth",
                        "said": "I did not have to make up for it",
                    },
                },
            ),
            alliance=49,
            outcome=12,
        ),
        Meeting(
            16,
            "Told his headmistress that he does not know yet. Two weeks later he still does not know, and sleeps.",
            alliance=49,
            outcome=10,
        ),
        Meeting(19, "Anger at his father, in the present tense. It surprised us both.", alliance=50, outcome=10, attained=1),
        Meeting(22, "Reduced his hours, without giving a reason that was true for somebody else.", alliance=51, outcome=8),
        Meeting(25, "'How are you?' 'Let me see.' Then he told me.", alliance=52, outcome=7, attained=1),
    ),
    review="He would like to keep the goal and drop the word 'expected' from it. Agreed.",
)
