"""The pages in a thread of their own, beside the cloud whose vault they show."""

import socket
import ssl
import threading
from time import monotonic, sleep

import uvicorn

from cloud_stub.config import WebSection
from cloud_stub.errors import BrokerError, ConfigError
from cloud_stub.web.app import make_app
from cloud_stub.web.parts import Parts

START_S = 10.0


class Pages:
    """Serves on `start` until `stop`. Over TLS where the settings name a certificate.

    Raises:
        BrokerError: the port is taken.
        ConfigError: the certificate or its key cannot be read.
    """

    def __init__(self, parts: Parts, settings: WebSection) -> None:
        self._settings = settings
        config = uvicorn.Config(
            make_app(parts),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            ssl_certfile=settings.certificate or None,
            ssl_keyfile=settings.key or None,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where they are served."""
        assert self._socket is not None  # noqa: S101 (for the type checker: start() opened it)
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Listen, and return once pages are served."""
        where = (self._settings.host, self._settings.port)
        _check_certificate(self._settings)
        try:
            self._socket = socket.create_server(where, reuse_port=False)
        except OSError as error:
            raise BrokerError(f"{where[0]}:{where[1]}: {error.strerror}; set [web] port") from error
        run = threading.Thread(target=self._server.run, args=([self._socket],), name="pages", daemon=True)
        run.start()
        self._thread = run
        until = monotonic() + START_S
        while not self._server.started and run.is_alive() and monotonic() < until:
            sleep(0.01)
        if not self._server.started:
            self.stop()
            raise BrokerError(
                f"{where[0]}:{where[1]}: the pages did not start; check [web] certificate and key"
            )

    def stop(self) -> None:
        """Finish what is asked, and listen no more. Twice is harmless."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(START_S)
        if self._socket is not None:
            self._socket.close()


def _check_certificate(settings: WebSection) -> None:
    if not settings.certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.key or None)
    except (OSError, ValueError) as error:
        what = f"{settings.certificate}: {error}; name PEM files in [web] certificate and key"
        raise ConfigError(what) from error
