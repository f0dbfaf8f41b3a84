"""A progress bar on a terminal; a line every tenth of the way where the output is a file."""

import sys
from time import monotonic
from typing import TextIO


class Progress:
    def __init__(self, total: int, label: str, *, out: TextIO = sys.stderr) -> None:
        self._total, self._label, self._out = max(total, 1), label, out
        self._done, self._started, self._shown, self._tenth = 0, monotonic(), 0.0, -1

    def step(self, count: int = 1) -> None:
        self._done += count
        now, tenth = monotonic(), self._done * 10 // self._total
        if self._out.isatty():
            if now - self._shown >= 0.1 or self._done >= self._total:
                self._shown = now
                self._out.write("\r" + self._line(now) + "\x1b[K")
                self._out.flush()
        elif tenth > self._tenth:
            self._tenth = tenth
            self._out.write(self._line(now) + "\n")
            self._out.flush()

    def close(self) -> None:
        if self._out.isatty():
            self._out.write("\n")

    def _line(self, now: float) -> str:
        share = min(self._done / self._total, 1.0)
        filled, elapsed = int(share * 30), now - self._started
        left = f"{elapsed / share - elapsed:.0f} s left" if 0 < share < 1 else f"{elapsed:.0f} s"
        return f"{self._label} {'█' * filled}{'░' * (30 - filled)} {share:4.0%}  {self._done}/{self._total}  {left}"
