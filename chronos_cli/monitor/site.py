"""The HTTP server beside the loop: who asks gets an answer, and nobody holds the loop up."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chronos_cli.clock import Clock
from chronos_cli.cluster.figures import ClusterFigures
from chronos_cli.cron.events import LoopEvent
from chronos_cli.cron.loop import Loop
from chronos_cli.errors import StateError, UsageError
from chronos_cli.monitor import metrics, page, status
from chronos_cli.monitor.access import Access, Listen, refusal
from chronos_cli.monitor.board import Board, Health, Standing
from chronos_cli.monitor.certificates import Certificates
from chronos_cli.monitor.outcomes import Outcomes
from chronos_cli.monitor.reading import Worker
from chronos_cli.receiver.http import Bounds, HttpReceiver, ReceivedRequest, Reply
from chronos_cli.redact import Redactor
from chronos_cli.report.text import json_text
from chronos_cli.state.entries import HistoryFilter

# No request has a body to speak of; browser and Prometheus ask in milliseconds.
_BOUNDS = Bounds(body=4096, connections=32, seconds=10.0)
# Requests that are looked at in a second; the others wait their turn.
_PER_SECOND = 100
# What taking down how the loop stands may have of the loop's own time, as a share.
_SHARE = 0.05
_MOST_FIELDS = 8
_LATE = "a tick was left alone"

_HEADERS = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_NO_PAGE = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

OutcomesMaker = Callable[[Worker], Outcomes]


class Monitor:
    """Answers what is asked of a loop, on an address, from `open` to `close`.

    `note` is to be called with each event of the loop. `outcomes` makes what outcomes are read
    by, of the thread that it may use; `variables` are what templates see as `vars`; `cluster`
    tells of the other hosts, where there are any.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at
        self,
        listen: Listen,
        loop: Loop,
        clock: Clock,
        outcomes: OutcomesMaker,
        redactor: Redactor,
        variables: dict[str, str],
        cluster: Callable[[], ClusterFigures] | None,
    ) -> None:
        self._listen = listen
        self._loop = loop
        self._redactor = redactor
        self.certificates = Certificates(clock, variables)
        self._board = Board(loop, clock, self.certificates, cluster)
        self._metrics = metrics.Metrics(loop.job)
        self._worker = Worker()
        self._outcomes = outcomes(self._worker)
        self._access = Access(listen)
        self._server = HttpReceiver(self._answer, _BOUNDS)
        self._free_at = 0.0
        self._routes: dict[str, Callable[[dict[str, str]], Awaitable[Reply]]] = {
            "/": self._page,
            "/metrics": self._figures,
            "/api/status": self._status,
            "/api/history": self._history,
            "/healthz": self._health,
            "/readyz": self._readiness,
        }

    def note(self, event: LoopEvent) -> None:
        """Take in an event; nothing in it is masked yet."""
        self._board.note(event)
        self._metrics.note(event)

    async def open(self) -> str:
        """Listen; return the URL of the page. Raises UsageError where the address is not free."""
        try:
            host, port = await self._server.start(self._listen.host, self._listen.port)
        except OSError as error:
            where = f"{_shown(self._listen.host)}:{self._listen.port}"
            reason = error.strerror or error
            raise UsageError(f"--listen: cannot listen on {where}: {reason}") from error
        return f"http://{_shown(host)}:{port}/"

    async def look_back(self) -> None:
        """Take over what was before this process."""
        with suppress(StateError):  # the loop says so itself
            self._metrics.seed(await self._outcomes.last_successes())

    async def close(self) -> None:
        """Answer nobody any more."""
        await self._server.close()
        await self._outcomes.close()
        self._worker.close()

    async def _answer(self, request: ReceivedRequest) -> Reply:
        await self._turn()
        try:
            reply = await self._reply(request)
        except StateError as error:
            reply = refusal(503, self._redactor.text(str(error)))
        except Exception as error:  # noqa: BLE001 - who only looks on must not end the loop
            reply = refusal(500, f"internal error: {type(error).__name__}")
        has_policy = any(name == _NO_PAGE[0] for name, _ in reply.headers)
        return replace(
            reply, headers=[*reply.headers, *_HEADERS, *([] if has_policy else [_NO_PAGE])]
        )

    async def _turn(self) -> None:
        """Wait so that no more requests are looked at in a second than may be."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at + 1 / _PER_SECOND, now)
        await asyncio.sleep(self._free_at - now)

    def _standing(self) -> Standing:
        """Return how the loop stands; where there are very many jobs, the next who asks waits."""
        began = time.perf_counter()
        standing = self._board.standing()
        self._free_at += (time.perf_counter() - began) / _SHARE
        return standing

    async def _reply(self, request: ReceivedRequest) -> Reply:
        try:
            parts = urlsplit(request.target)
            fields = parse_qs(parts.query, max_num_fields=_MOST_FIELDS)
        except ValueError:
            return refusal(400, "this is no URL")
        is_open = parts.path in {"/healthz", "/readyz"}
        if refused := self._access.refusal(request, is_open=is_open):
            is_asked = refused.status == 401 and parts.path == "/"  # the page asks for the token
            return _page(refused.status, refused.headers) if is_asked else refused
        route = self._routes.get(parts.path)
        if route is None:
            return refusal(404, f"there are {', '.join(self._routes)}")
        return await route({name: values[-1] for name, values in fields.items()})

    async def _page(self, _: dict[str, str]) -> Reply:
        return _page(200, [])

    async def _figures(self, _: dict[str, str]) -> Reply:
        standing = self._standing()
        body = await self._worker.do(lambda: self._metrics.text(standing))
        return Reply(body=body, content_type=metrics.CONTENT_TYPE)

    async def _status(self, fields: dict[str, str]) -> Reply:
        standing, words = self._standing(), fields.get("q", "")
        shown = await self._worker.do(lambda: status.foremost(standing, words))
        jobs = [job.id for job, _ in shown.entries]
        endings = await self._outcomes.recent_endings(jobs, status.MOST_ENDINGS)
        return await self._json(lambda: status.status_document(standing, shown, endings))

    async def _history(self, fields: dict[str, str]) -> Reply:
        job = self._loop.job(fields.get("job", ""))
        if job is None:
            return refusal(404, "?job= names no job that is on the schedule")
        wanted = HistoryFilter(jobs=frozenset({job.id}), limit=status.MOST_ENTRIES)
        entries = await self._outcomes.history(wanted)
        return await self._json(lambda: status.job_history_document(entries))

    async def _health(self, _: dict[str, str]) -> Reply:
        health = self._board.health()
        return _verdict(health, None if health.is_on_time else _LATE)

    async def _readiness(self, _: dict[str, str]) -> Reply:
        health = self._board.health()
        if health.is_stopping:
            return _verdict(health, "it is stopping")
        if health.state_failure is not None:
            return _verdict(health, "the state cannot be written")
        if health.cluster is not None and (failure := health.cluster.failure):
            return _verdict(health, self._redactor.text(failure))
        return _verdict(health, None if health.is_on_time else _LATE)

    async def _json(self, document: Callable[[], Any]) -> Reply:
        """Return a document as JSON, with secrets masked."""

        def body() -> bytes:
            return json_text(self._redactor.data(document())).encode() + b"\n"

        return Reply(body=await self._worker.do(body))


def _page(code: int, headers: list[tuple[str, str]]) -> Reply:
    made = page.page()
    policy = ("Content-Security-Policy", made.policy)
    return Reply(code, made.body, headers=[*headers, policy], content_type=page.CONTENT_TYPE)


def _verdict(health: Health, failure: str | None) -> Reply:
    told = {"status": failure or "ok", "overdue_s": round(health.overdue, 3)}
    return Reply(503 if failure else 200, json_text(told).encode() + b"\n")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
