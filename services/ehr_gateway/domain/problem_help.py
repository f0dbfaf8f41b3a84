"""What the `type` of a problem document leads to: one paragraph on what it means and what to do."""

from typing import Final

PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "unauthenticated": (
        "No valid token",
        "Send `Authorization: Bearer <token>` with a token of the deployment's issuer that has not ended.",
    ),
    "forbidden": (
        "Not allowed",
        "Your role, the purpose of use or the client's consent does not allow this. The reason stands in the ledger, "
        "where a compliance officer can read it. In an emergency ask for a grant: POST /v1/break-glass.",
    ),
    "not-found": ("Not found", "There is nothing at this address, or nothing that you may know of."),
    "conflict": ("Conflicts with the present state", "Read the resource again: its state no longer allows this step."),
    "stale-version": ("Somebody changed it first", "Read it again and send its new ETag in If-Match."),
    "version-required": ("If-Match is required", "Read the resource and send its ETag in If-Match with the change."),
    "too-large": ("Too large", "The body is larger than this address takes."),
    "headers-too-large": (
        "Headers too large",
        "Address and headers of the request are too long together. Send fewer or shorter ones.",
    ),
    "media-type": ("Unsupported media type", "Send application/json."),
    "content-encoding": ("Unsupported content encoding", "Send the body as it is, without compression."),
    "not-shown": (
        "Stored, and cannot be shown",
        "An earlier release stored this record in a form that this release cannot show. Tell the operator its id; lists show the "
        "other records.",
    ),
    "invalid": ("Some of the input is not valid", "Every fault is listed in errors[] with a JSON pointer to it."),
    "idempotency-key-reused": (
        "This Idempotency-Key stands for another request",
        "Use a new key for a new request; repeat the same body to have the same answer.",
    ),
    "unavailable": (
        "Not available just now",
        "A part that decides, records or stores does not answer. Nothing was opened. Try again after Retry-After seconds "
        "with the same Idempotency-Key; /health/ready says which part it is. `reason`, where it stands, says what does not "
        "answer: gate, keys (keyring or KMS), ledger, database, other; or note-waits (a note that was written while the gate was "
        "away waits for it) and downtime-full (nothing more is written without it).",
    ),
    "internal": ("Something failed here", "Nothing was acknowledged. Quote the request_id to the operator."),
    "http": ("Not possible here", "The address does not take this method."),
    "method": ("Not possible here", "The address does not take this method."),
}
