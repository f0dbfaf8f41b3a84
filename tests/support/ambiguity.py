"""How long a backtracking engine may look at a text, told from the expression alone.

An expression becomes an automaton whose places are its characters (Glushkov). It is exponential where one word leads a place back
to itself in two ways, and polynomial where one word loops at a place, leads on to another, and loops there too (Weber and Seidl,
"On the degree of the ambiguity of finite automata", 1991). Counted repeats are taken for endless ones where they are long, so
the answer is rather too strict than too mild. What is not understood (back references, possessive repeats) raises NotUnderstood.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import Any, Final

_parser: Any = import_module("re._parser")
SAMPLE: Final = "".join(map(chr, range(0x180))) + "\u2028\uff1d\uff10\U0001f600"
"""the characters by which places are compared"""
_EVERY: Final = (1 << len(SAMPLE)) - 1
_COPIES: Final = 6
"""repeats counted one by one; longer ones are taken for endless"""
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


class Growth(StrEnum):
    LINEAR = "linear"
    POLYNOMIAL = "polynomial"
    EXPONENTIAL = "exponential"


class NotUnderstood(Exception):
    """The expression has a part that this analysis does not follow: write it without."""


@dataclass
class _Automaton:
    """Places joined by silent steps and by steps that take a character."""

    flags: int
    silent: dict[int, list[int]] = field(default_factory=dict)
    taking: list[tuple[int, int, int]] = field(default_factory=list)
    """from, mask over SAMPLE, to"""
    size: int = 0

    def place(self) -> int:
        self.size += 1
        return self.size - 1

    def join(self, start: int, end: int) -> None:
        self.silent.setdefault(start, []).append(end)

    def sequence(self, items: Any, start: int) -> int:
        for kind, value in items:
            start = self.item(str(kind), value, start)
        return start

    def item(self, kind: str, value: Any, start: int) -> int:
        if kind in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "RANGE", "CATEGORY"):
            end = self.place()
            self.taking.append((start, _mask(kind, value, self.flags), end))
            return end
        if kind == "SUBPATTERN":
            return self.sequence(value[3], start)
        if kind == "BRANCH":
            end = self.place()
            for branch in value[1]:
                fresh = self.place()
                self.join(start, fresh)
                self.join(self.sequence(branch, fresh), end)
            return end
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            return self.repeat(value[0], value[1], value[2], start)
        if kind in ("AT", "ASSERT", "ASSERT_NOT"):
            return start  # taken for true: what is not excluded may come
        raise NotUnderstood(kind)

    def repeat(self, least: int, most: int, items: Any, start: int) -> int:
        if most <= _COPIES:
            end = self.place()
            for turn in range(most):
                if turn >= least:
                    self.join(start, end)
                start = self.sequence(items, start)
            self.join(start, end)
            return end
        for _ in range(min(least, 1)):
            start = self.sequence(items, start)
        loop = self.place()
        self.join(start, loop)
        self.join(self.sequence(items, loop), loop)
        end = self.place()
        self.join(loop, end)
        return end


def _mask(kind: str, value: Any, flags: int) -> int:
    found = 0
    for place, letter in enumerate(SAMPLE):
        found |= _takes(kind, value, letter, flags) << place
    return found


def _takes(kind: str, value: Any, letter: str, flags: int) -> bool:
    if kind == "ANY":
        return letter != "\n" or bool(flags & re.DOTALL)
    if kind == "CATEGORY":
        return re.fullmatch(_CATEGORIES[str(value)], letter, flags & re.ASCII) is not None
    if kind == "IN":
        wanted = not (value and str(value[0][0]) == "NEGATE")
        return any(_takes(str(k), v, letter, flags) for k, v in value if str(k) != "NEGATE") is wanted
    letters = {letter, letter.lower(), letter.upper()} if flags & re.IGNORECASE else {letter}
    if kind == "RANGE":
        return any(len(one) == 1 and value[0] <= ord(one) <= value[1] for one in letters)
    same = any(one == chr(value) for one in letters)
    return same if kind == "LITERAL" else not same


class Expression:
    """`whole`: used by `fullmatch` alone; `begins`: by `match`. Else a match may begin anywhere; it ends as soon as it can."""

    def __init__(self, pattern: str | bytes, flags: int = 0, *, whole: bool = False, begins: bool = False) -> None:
        self.pattern, self.flags = pattern, flags
        text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
        parsed = _parser.parse(text, flags)
        automaton = _Automaton(parsed.state.flags)
        start = automaton.place()
        end = automaton.sequence(parsed, start)
        ends_at_end = whole or (len(parsed) > 0 and str(parsed[-1][0]) == "AT" and "AT_END" in str(parsed[-1][1]))
        begins_at_start = (
            whole or begins or (len(parsed) > 0 and str(parsed[0][0]) == "AT" and "AT_BEGINNING" in str(parsed[0][1]))
        )
        self._follow(automaton, start, end, ends_at_end=ends_at_end, begins_at_start=begins_at_start)

    def _follow(self, a: _Automaton, start: int, end: int, *, ends_at_end: bool, begins_at_start: bool) -> None:
        takers: dict[int, list[int]] = {}
        for number, (place, _, _) in enumerate(a.taking):
            takers.setdefault(place, []).append(number)
        self._masks = [mask for _, mask, _ in a.taking]

        def following(place: int) -> tuple[dict[int, int], bool]:
            """Characters that may come next, each with the number of silent ways to it; and whether the end is one of them."""
            ways: dict[int, int] = {}
            ended = False

            def walk(at: int, seen: tuple[int, ...]) -> None:
                nonlocal ended
                ended = ended or at == end
                for number in takers.get(at, ()):
                    ways[number] = ways.get(number, 0) + 1
                for after in a.silent.get(at, ()):
                    if seen.count(after) < 2:  # a repeat of what may be empty comes by silently
                        walk(after, (*seen, after))

            walk(place, (place,))
            return ways, ended

        first, _ = following(start)
        self._ways: list[dict[int, int]] = []
        ending = set()
        for number, (_, _, to) in enumerate(a.taking):
            ways, ended = following(to)
            self._ways.append(ways)
            if ended:
                ending.add(number)
        self._first = dict(first)
        if not begins_at_start:  # a place before all others that takes everything
            self._masks.append(_EVERY)
            self._ways.append({**first, len(self._masks) - 1: 1})
            self._first[len(self._masks) - 1] = 1
        if not ends_at_end:  # a match ends there: nothing is tried again after it
            for ways in (*self._ways, self._first):
                for number in ending:
                    ways.pop(number, None)
        self._reach = [self._reached(number) for number in range(len(self._masks))]

    def _reached(self, number: int) -> set[int]:
        found: set[int] = set()
        waiting = [number]
        while waiting:
            for after in self._ways[waiting.pop()]:
                if after not in found:
                    found.add(after)
                    waiting.append(after)
        return found

    def growth(self) -> Growth:
        alive = {*self._first}.union(*(self._reach[number] for number in self._first)) if self._first else set()
        loops = [p for p in sorted(alive) if p in self._reach[p]]
        for p in loops:
            if any(n > 1 and p in self._reach[q] for q, n in self._ways[p].items()):
                return Growth.EXPONENTIAL
            if self._comes_back_twice(p):
                return Growth.EXPONENTIAL
        for p in loops:
            if any(q != p and q in self._reach[p] and self._goes_on(p, q) for q in loops):
                return Growth.POLYNOMIAL
        return Growth.LINEAR

    def _comes_back_twice(self, p: int) -> bool:
        """One word, two ways from p to p."""
        return self._path(((p, p),), lambda at: at == (p, p), apart=True)

    def _goes_on(self, p: int, q: int) -> bool:
        """One word that loops at p, leads from p to q, and loops at q."""
        return self._path(((p, p, q),), lambda at: at == (p, q, q), apart=False)

    def _path(self, begin: tuple[tuple[int, ...], ...], reached: Callable[[tuple[int, ...]], bool], *, apart: bool) -> bool:
        waiting = [(at, False) for at in begin]
        seen: set[tuple[tuple[int, ...], bool]] = set()
        while waiting:
            at, parted = waiting.pop()
            for after in self._together(at):
                now = parted or (apart and len(set(after)) > 1)
                if reached(after) and (now or not apart):
                    return True
                if (after, now) not in seen:
                    seen.add((after, now))
                    waiting.append((after, now))
        return False

    def _together(self, at: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Where several go by the same character."""

        def combine(rest: tuple[int, ...], mask: int) -> Iterator[tuple[int, ...]]:
            if not rest:
                yield ()
                return
            for after in self._ways[rest[0]]:
                if common := mask & self._masks[after]:
                    for others in combine(rest[1:], common):
                        yield (after, *others)

        return combine(at, _EVERY)

    def worst(self, length: int) -> list[str]:
        """A text for each loop: led there, kept there as long as it goes, and refused at last."""
        texts = []
        for p in range(len(self._masks)):
            if p not in self._reach[p]:
                continue
            head = self._word(self._first, p)
            turn = self._word(self._ways[p], p)
            if head is not None and turn:
                for refused in ("\x00", "\n", "!", "/", ""):
                    texts.append(head + turn * (length // len(turn)) + refused)
        for letter in 'a0"\\; -.':
            texts.append(letter * length)
        return list(dict.fromkeys(texts))

    def _word(self, first: dict[int, int], goal: int) -> str | None:
        waiting = [(number, self._letter(number)) for number in first]
        seen = set(first)
        for number, word in waiting:
            if number == goal:
                return word
            for after in self._ways[number]:
                if after not in seen:
                    seen.add(after)
                    waiting.append((after, word + self._letter(after)))
        return None

    def _letter(self, number: int) -> str:
        mask = self._masks[number]
        for letter in "a0-Z. ":
            if mask >> SAMPLE.index(letter) & 1:
                return letter
        return SAMPLE[(mask & -mask).bit_length() - 1] if mask else ""
