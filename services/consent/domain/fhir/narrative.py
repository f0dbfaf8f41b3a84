"""The narrative of a resource, checked as XHTML (HL7 FHIR R4, Narrative: invariants txt-1 and txt-2).

A narrative is shown by whoever reads the resource. So it may hold formatting, and nothing that acts: no script, no event handler,
no form, no DOCTYPE (and so no entity), no picture from another address.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

NAMESPACE: Final = "http://www.w3.org/1999/xhtml"
STATUSES: Final = ("generated", "extensions", "additional", "empty")
ELEMENTS: Final = frozenset({
    "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "dfn", "div",
    "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "q", "samp", "small",
    "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var",
})  # fmt: skip
"""elements of HTML 4.0, chapters 7 to 11 (without 9.4) and 15, with a and img"""
ATTRIBUTES: Final = frozenset({
    "abbr", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing", "cellvalign", "char",
    "charoff", "cite", "class", "colspan", "compact", "dir", "frame", "headers", "height", "href", "hspace", "id", "lang",
    "longdesc", "name", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "size", "span", "src", "start", "style",
    "summary", "title", "type", "valign", "value", "vspace", "width", "xml:lang",
})  # fmt: skip
LINKS: Final = ("http:", "https:", "mailto:", "tel:")
PICTURES: Final = ("data:image/png;", "data:image/jpeg;", "data:image/gif;")
"""beside an address within this server: a picture from another address would tell that address who reads the record"""
_STYLES: Final = ("url(", "expression(", "@import", "\\", "javascript:", "behavior")


MAX_DEPTH: Final = 100
"""elements within one another"""


class NotXhtml(ValueError):
    """What is wrong, in words; none of the text."""


@dataclass(slots=True)
class _Check:
    depth: int = 0
    words: bool = False
    said: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and (name != "div" or attributes.get("xmlns") != NAMESPACE):
            raise NotXhtml(f"one div in the namespace {NAMESPACE}")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotXhtml(f"is nested deeper than {MAX_DEPTH} levels")
        if name not in ELEMENTS:
            raise NotXhtml("holds an element that a narrative may not have (R4, txt-1)")
        self.words = self.words or name == "img"
        for attribute, value in attributes.items():
            self._attribute(attribute, "".join(value.split()).lower())

    def _attribute(self, name: str, value: str) -> None:
        if name == "xmlns" and value == NAMESPACE:
            return
        if name not in ATTRIBUTES:
            raise NotXhtml("holds an attribute that a narrative may not have (R4, txt-1)")
        scheme = ":" in value.partition("/")[0] or value.startswith("//")
        if name in ("href", "cite", "longdesc") and scheme and not value.startswith(LINKS):
            raise NotXhtml("links to an address that is neither http, https, mailto nor tel")
        if name == "src" and scheme and not value.startswith(PICTURES):
            raise NotXhtml("holds a picture from elsewhere: send it within the text (data:) or leave it out")
        if name == "style" and any(acts in value for acts in _STYLES):
            raise NotXhtml("holds a style that loads or runs something")

    def end(self, _: str) -> None:
        self.depth -= 1

    def text(self, text: str) -> None:
        self.words = self.words or bool(text.strip())

    def refused(self, *_: Any) -> None:
        raise NotXhtml("holds a DOCTYPE, an entity of its own or a processing instruction")


def check(div: str) -> None:
    """NotXhtml where it is not the XHTML that a narrative may hold."""
    found = _Check()
    parser = expat.ParserCreate()
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    parser.StartDoctypeDeclHandler = found.refused
    parser.EntityDeclHandler = found.refused
    parser.ProcessingInstructionHandler = found.refused
    parser.XmlDeclHandler = found.refused
    try:
        parser.Parse(div.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        said = expat.errors.messages.get(error.code, "")
        entity = " (named entities such as &nbsp; do not exist in it: send the character)" if "entity" in said else ""
        raise NotXhtml(f"is not well-formed XHTML{entity}") from None
    if not found.words:
        raise NotXhtml("holds no words (R4, txt-2)")


def faults(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Of every narrative in a resource, those contained in it too: (FHIRPath, what is wrong)."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from faults(item, f"{path}[{i}]")
        return
    if not isinstance(value, dict):
        return
    text = value.get("text")
    if "resourceType" in value and text is not None:
        yield from _narrative(text, f"{path}.text")
    yield from faults(value.get("contained"), f"{path}.contained")


def _narrative(text: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(text, dict):
        yield path, "a Narrative: status and div"
        return
    if text.get("status") not in STATUSES:
        yield f"{path}.status", f"one of {', '.join(STATUSES)}"
    div = text.get("div")
    if not isinstance(div, str):
        yield f"{path}.div", "the text, as one div of XHTML"
        return
    try:
        check(div)
    except NotXhtml as error:
        yield f"{path}.div", str(error)
