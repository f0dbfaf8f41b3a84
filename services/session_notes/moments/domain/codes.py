"""Markers of ruptures and steps of repair, with our own descriptions.

Source of the codes: Rupture Resolution Rating System (3RS; Eubanks, Muran and Safran), its marker names alone. The descriptions
are ours, in careful words: they name what can be noticed, not what somebody is.
"""

from typing import Final

from shared.contracts.course import MomentKind

CODES: Final[dict[MomentKind, dict[str, str]]] = {
    MomentKind.RUPTURE_WITHDRAWAL: {
        "denial": "sets aside a feeling or a difficulty that seems near",
        "minimal_response": "answers grow short, or silence closes a subject",
        "abstract_communication": "speaks in general terms, away from what happens here",
        "avoidant_storytelling": "a story or a change of subject leads away from what was touched on",
        "deferential": "agrees or gives way where another view seems to be there",
        "content_affect_split": "what is said and what is felt do not seem to go together",
        "self_criticism": "turns against themselves, or gives up hope, as contact gets difficult",
    },
    MomentKind.RUPTURE_CONFRONTATION: {
        "complains_about_therapist": "is dissatisfied with the therapist",
        "complains_about_activities": "is dissatisfied with what is done in the sessions",
        "complains_about_parameters": "is dissatisfied with times, fee or setting",
        "complains_about_progress": "is dissatisfied with how far things have come",
        "rejects_intervention": "turns down what the therapist says or offers",
        "defends_self": "explains or justifies themselves, as if against a reproach",
        "controls_or_pressures": "presses the therapist to do, or not to do, something",
    },
    MomentKind.REPAIR: {
        "acknowledge": "says that something has come between us",
        "validate": "says that the client's view of it makes sense",
        "explore": "asks what it was like, and listens",
        "clarify": "clears up what was meant or misheard",
        "renegotiate_task": "agrees anew on what is done in the sessions",
        "renegotiate_goal": "agrees anew on what they are for",
        "link_to_pattern": "links it to how it goes with other people",
    },
}
CLOSED_ONLY: Final = frozenset({MomentKind.RESISTANCE, MomentKind.TRANSFERENCE, MomentKind.COUNTERTRANSFERENCE})
"""analysis of the conversation: psychotherapy-note content (45 CFR 164.501)"""
SHORT: Final = 200
"""characters of each text of an open moment: a word or two, not a process note"""
