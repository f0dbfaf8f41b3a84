"""`make verifier`: the verifier of one file, `docs/verifier.html`, from the same arithmetic as the officers' pages.

The file holds everything it needs. Its policy lets nothing in and nothing out: no address is fetched, no form is sent, and only
the script and the style whose hashes it names may run. The command prints the file's SHA-256, which the release notes carry.
"""

import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
OUTPUT: Final = ROOT / "docs" / "verifier.html"
_HERE: Final = Path(__file__).parent
_ARITHMETIC: Final = ROOT / "services" / "audit_log" / "officers" / "static" / "merkle.js"


def page() -> bytes:
    """The same bytes wherever it is made."""
    arithmetic = "\n".join(line.removeprefix("export ") for line in _ARITHMETIC.read_text().splitlines())
    script = f"\n{arithmetic}\n{(_HERE / 'verifier.js').read_text()}"
    style = (_HERE / "style.css").read_text()
    text = (_HERE / "page.html").read_text()
    for name, value in {
        "script_hash": _hash(script),
        "style_hash": _hash(style),
        "script": script,
        "style": style,
    }.items():
        text = text.replace("{{" + name + "}}", value)
    return text.encode()


def _hash(text: str) -> str:
    """As a Content-Security-Policy names a text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def main() -> int:
    made = page()
    OUTPUT.write_bytes(made)
    print(f"{sha256(made).hexdigest()}  {OUTPUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
