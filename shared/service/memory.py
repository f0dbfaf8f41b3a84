"""What is in a process's memory stays out of the files that a crash or an operator makes of it.

A core dump would hold record keys and opened text. RLIMIT_CORE 0 stops the file; where the kernel pipes dumps to a handler it
does not look at that limit, so on Linux the process is also marked as not dumpable (prctl(2)), which keeps debuggers of the same
account out as well. Root, swap and hibernation still see memory: docs/security.md names it.
"""

import ctypes
import sys
from typing import Final

if sys.platform != "win32":
    import resource

_PR_SET_DUMPABLE: Final = 4


def no_core_dumps() -> None:
    """For this process and, as to the limit, its children. OSError where the kernel refuses: then the process must not start."""
    if sys.platform == "win32":  # there is no core file to forbid
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) was refused")
