"""Events without meaning, for tests of what carries them."""

from uuid import UUID, uuid4

from shared.eventstore.model import NewEvent, Publication, StreamAppend


def event(word: str = "x", *, event_id: UUID | None = None, publish: tuple[Publication, ...] = ()) -> NewEvent:
    return NewEvent(event_id or uuid4(), "test.happened", 1, f'{{"word":"{word}"}}'.encode(), publish=publish)


def to(stream: str, *events: NewEvent, at: int | None = None) -> StreamAppend:
    return StreamAppend(stream, at, events or (event(),))
