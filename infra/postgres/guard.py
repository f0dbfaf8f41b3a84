"""Run as a script, becomes the server: drops root, asks the kernel for a shutdown when the parent dies (Linux), then executes it.

`python guard.py <parent pid> <uid or -> <gid or -> <program> <argument>…`. Uses the standard library alone, and runs before the
change of account, so that the interpreter itself may lie where that account cannot go.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, uid, gid, *command = arguments
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != int(parent):
            sys.exit("the process that started this server is gone")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
