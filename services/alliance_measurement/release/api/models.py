"""Bodies of requests."""

from shared.contracts.disclosure import ReleaseAudience
from shared.http.body import Body


class ReleaseBody(Body):
    """Who sees the client's own alliance ratings, and all that is computed from them."""

    therapist: ReleaseAudience | None = None
    supervisor: ReleaseAudience | None = None
