"""uvicorn as every runner uses it: uvloop, httptools, no access log (paths carry ids), the collector tuned once.

`gc.freeze` and a higher threshold after start-up take the garbage collector out of the latency's tail (docs/adr/0002).
"""

import gc
import logging
import socket
import ssl
import traceback
from dataclasses import dataclass
from typing import Any

import uvicorn


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: this service's certificate and key, and the authority that callers' certificates come from."""

    certificate: str
    key: str
    authority: str

    def client_context(self) -> ssl.SSLContext:
        """For calls to other services: trusts the deployment's own authority and nothing else."""
        return ssl.create_default_context(cafile=self.authority)


class _TypesAlone(logging.Formatter):
    """Of an exception its type and where it was raised, never its words: they might quote what was sent or opened."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        kind, _, where = ei
        return "".join(traceback.format_tb(where)) + str(kind.__name__)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        if record.exc_info:  # asyncio quotes the exception again on further lines, as part of its task
            record.message = record.message.partition("\n")[0]
        return super().formatMessage(record)


def configure_logging() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_TypesAlone("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it names the letters of what is laid out


def server(app: Any, *, host: str, port: int, tls: Tls | None = None) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,  # its own would print what exceptions say
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            h11_max_incomplete_event_size=65_536,
        )
    )


def tune_collector() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
