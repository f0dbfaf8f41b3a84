"""Who calls; on the way their name reaches the directory."""

from starlette.requests import Request

from services.consent.application.persons import Persons
from shared.http.call import Call, authenticate
from shared.identity.tokens import TokenVerifier


class Callers:
    def __init__(self, tokens: TokenVerifier, persons: Persons) -> None:
        self._tokens, self._persons = tokens, persons

    async def of(self, request: Request) -> Call:
        """The call behind a request. 401 without a valid token."""
        call = authenticate(request, self._tokens)
        await self._persons.learn(call)
        return call
