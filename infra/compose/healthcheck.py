"""Inside a container: 0 where this service says that it is ready."""

import os
import ssl
import sys
import urllib.request


def main() -> int:
    authority = os.environ.get("TLS_CA_FILE")
    scheme, context = ("https", ssl.create_default_context(cafile=authority)) if authority else ("http", None)
    url = f"{scheme}://localhost:{os.environ.get('PORT', '8000')}/health/ready"
    try:
        with urllib.request.urlopen(url, timeout=3, context=context) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
