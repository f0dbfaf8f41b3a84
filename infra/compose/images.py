"""`python -m infra.compose.images`: which base images of the deployment are pinned by digest, and which by a tag alone.

Whoever controls the registry can move a tag to another image, and cannot move a digest. The images stand in docker-compose.yml,
each once, as `${NAME:-image}`; an environment variable of that name takes its place. Ends with 1 where one is not pinned.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parents[2] / "docker-compose.yml"
_NAMED: Final = re.compile(r"\$\{([A-Z]+_IMAGE):-([^}]+)\}")
_PINNED: Final = re.compile(r"\S+@sha256:[0-9a-f]{64}")
OURS: Final = "APP_IMAGE"
"""built here, from the Dockerfile"""


def images(compose: str, env: Mapping[str, str]) -> dict[str, str]:
    """Setting → image that is used, of every image that comes from elsewhere."""
    return {name: env.get(name) or image for name, image in _NAMED.findall(compose) if name != OURS}


def unpinned(used: Mapping[str, str]) -> dict[str, str]:
    return {name: image for name, image in used.items() if not _PINNED.fullmatch(image)}


def main(env: Mapping[str, str] = os.environ) -> int:
    used = images(FILE.read_text(), env)
    by_tag = unpinned(used)
    for name, image in used.items():
        print(f"{'by tag alone' if name in by_tag else 'pinned'}\t{name}={image}")
    if by_tag:
        print(f"{len(by_tag)} of {len(used)} images are not pinned: see docs/operations/deploy.md", file=sys.stderr)
    return 1 if by_tag else 0


if __name__ == "__main__":
    sys.exit(main())
