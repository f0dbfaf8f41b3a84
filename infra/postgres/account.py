"""Which account the server runs as: PostgreSQL refuses root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


class NotTraversable(Exception):
    """The server's account cannot reach the data directory."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """None: this process's own. As root: `postgres` where it exists, else `nobody`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise NotTraversable("running as root, and there is neither an account `postgres` nor `nobody` to run the server as")


def check_traversable(directory: Path, account: Account | None) -> None:
    """Raises NotTraversable where the account may not pass one of the directories; nothing is opened up for it."""
    if account is None:
        return
    for place in (directory, *directory.parents):
        status = place.stat()
        if status.st_uid == account.uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == account.gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            raise NotTraversable(
                f"running as root, the server runs as `{account.name}`, which may not pass {place}: "
                f"choose a data directory elsewhere, or allow it by `chmod o+x {place}`"
            )
