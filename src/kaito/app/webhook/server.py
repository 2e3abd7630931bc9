"""The HTTPS listener that API servers send reviews to.

The TLS settings stay the same object for the process's life: a certificate loaded into it counts
from the next connection on, so that rotation needs neither a restart nor a new listener.
"""

import logging
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from aiohttp import web

from kaito.app.webhook.keys import ServingKeys
from kaito.app.webhook.options import Address
from kaito.app.webhook.registration import PLURALS, review_path
from kaito.app.webhook.review import Admission, UnreadableReview, answer_review
from kaito.base.errors import KaitoError
from kaito.base.logs import facts

logger = logging.getLogger(__name__)

_MOST_BYTES = 8 * 1024 * 1024
"""A review holds an object twice; etcd takes objects of up to 1.5 MiB."""


class WebhookServer:
    """Answers reviews."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._runner: web.AppRunner | None = None

    @property
    def is_listening(self) -> bool:
        """Whether reviews are answered."""
        return self._runner is not None

    def show(self, keys: ServingKeys) -> None:
        """Present this certificate to whoever connects from now on."""
        with _as_file(keys.certificate + b"\n" + keys.key) as path:
            self._context.load_cert_chain(path)

    async def start(self, address: Address) -> int:
        """Listen; the port.

        Raises:
            KaitoError: the address cannot be listened on.
        """
        app = web.Application(client_max_size=_MOST_BYTES)
        for plural in PLURALS:
            app.router.add_post(review_path(plural), self._review)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        site = web.TCPSite(runner, address.host or None, address.port, ssl_context=self._context)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise KaitoError(
                f"cannot listen on {address.host}:{address.port} for the webhook: {error.strerror}",
                hint="choose another with WEBHOOK_PORT, or switch it off with --webhook=false",
            ) from error
        self._runner = runner
        port: int = runner.addresses[0][1]
        logger.info("serving", extra=facts(what="webhook", port=port))
        return port

    async def stop(self) -> None:
        """Finish what is being answered and stop listening."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()

    async def _review(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            answer = answer_review(body, self._admission)
        except UnreadableReview as error:
            return web.Response(text=str(error), status=400)
        except Exception:
            # The API server goes on without us (failurePolicy Ignore); the log says why.
            logger.exception("review failed", extra=facts(path=request.path))
            return web.Response(text="internal error", status=500)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path under which the content can be read for a moment: the ssl module takes only that.

    On Linux it is memory, so that a key touches no disk and a read-only root file system will do.
    """
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("keys"), "wb") as memory:
            memory.write(content)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
