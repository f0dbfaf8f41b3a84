"""Errors of sealing. None of them carries plaintext, key or ciphertext."""


class SealingError(Exception):
    """Base of all errors here."""


class CannotOpen(SealingError):
    """The value does not open under this key and context: wrong key, moved value, or a changed byte."""


class CannotSeal(SealingError):
    """The value cannot be sealed as it is: it could not be read back unchanged."""


class NotOpened(SealingError):
    """A closed value was read without its key: ask the gate for the record's key first."""


class WrongKey(SealingError):
    """The record key at hand belongs to another record, class or key id than the sealed value."""
