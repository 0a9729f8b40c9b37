"""The web endpoints. They read a snapshot and never wait for a visit."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter import __version__
from exporter.errors import Mistake, Reason
from exporter.model.probe import Probing
from exporter.model.snapshot import FleetSnapshot
from exporter.serve.compression import Coding, choose_coding
from exporter.serve.doorkeeper import DoorStatus
from exporter.serve.exposition import choose_format
from exporter.serve.health import Health
from exporter.serve.kept import KeptExposition
from exporter.serve.probe import ProbePage

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>kubelet-cert-exporter</title></head>
<body>
<h1>kubelet-cert-exporter</h1>
<p>Watches the rotation of kubelet certificates. Version {version}.</p>
<p>{nodes} nodes{share}, {up} of them read at their last visit.{probed}</p>
<ul>
<li><a href="metrics">Metrics</a></li>
<li><a href="probe">Probe</a> of one node: <code>probe?target=NODE&amp;module=NAME</code></li>
<li><a href="-/healthy">Healthy</a></li>
<li><a href="-/ready">Ready</a></li>
</ul>
</body></html>
"""
_PROBED = " They are visited when <code>/probe</code> asks, and told there alone."


@dataclass(frozen=True, slots=True)
class Backend:
    """What the endpoints may ask for. ``reload`` is None without ``--web.enable-lifecycle``."""

    snapshot: Callable[[], FleetSnapshot]
    reload: Callable[[], tuple[Mistake, ...]] | None
    is_alive: Callable[[], bool]  # False: the fleet is not visited any more
    ready_after: Callable[[], float]  # seconds after the start; then ready whatever is still unvisited
    probe: Callable[[str, str, Callable[[], None]], Probing]  # target, module, what is called at the end; ProbeError
    door: Callable[[], DoorStatus | None] = lambda: None  # None without --web.config.file
    probed: Callable[[], FleetSnapshot | None] = lambda: None  # of the nodes that /probe visits and tells, where so
    clock: Callable[[], float] = time.time


class Endpoints:
    """The routes over one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._started = time.monotonic()
        self._health = Health(lambda: backend.snapshot().counters, backend.door)
        self._exposition = KeptExposition()
        # one scrape renders at a time: they would only take each other's time
        self._rendering = asyncio.Lock()
        self._reloading = asyncio.Lock()

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.landing),
                Route("/metrics", self.metrics),
                Route("/probe", ProbePage(self._backend.probe, self._backend.clock).probe),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
                Route("/-/reload", self.reload, methods=["POST", "PUT"]),
            ]
        )

    def probes(self) -> Starlette:
        """What an orchestrator asks, and nothing else."""
        return Starlette(routes=[Route("/-/healthy", self.healthy), Route("/-/ready", self.ready)])

    async def landing(self, _request: Request) -> Response:
        probed = self._backend.probed()
        snapshot = probed or self._backend.snapshot()
        up, shard = sum(report.up for report in snapshot.reports), snapshot.counters.shard
        share = "" if shard.is_whole else f" in shard {shard.index} of {shard.total}"
        told = _PAGE.format(
            version=html.escape(__version__),
            nodes=len(snapshot.reports),
            share=share,
            up=up,
            probed=_PROBED if probed else "",
        )
        return HTMLResponse(told)

    async def metrics(self, request: Request) -> Response:
        accept, encoding = request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
        async with self._rendering:
            body, headers = await asyncio.to_thread(self._body, accept, encoding)
        return Response(body, headers=headers)

    async def healthy(self, _request: Request) -> Response:
        if not self._backend.is_alive():
            return PlainTextResponse("The fleet is not visited any more; the log has the reason.\n", status_code=503)
        return PlainTextResponse("kubelet-cert-exporter is healthy.\n")

    async def ready(self, _request: Request) -> Response:
        waiting = sum(report.reason is Reason.NOT_YET_VISITED for report in self._backend.snapshot().reports)
        if waiting and time.monotonic() - self._started < self._backend.ready_after():
            return PlainTextResponse(f"{waiting} nodes were not yet visited.\n", status_code=503)
        return PlainTextResponse("kubelet-cert-exporter is ready.\n")

    async def reload(self, _request: Request) -> Response:
        if self._backend.reload is None:
            return PlainTextResponse("Lifecycle API is not enabled.\n", status_code=403)
        async with self._reloading:
            mistakes = await asyncio.to_thread(self._backend.reload)
        if mistakes:
            text = "".join(f"{mistake}\n" for mistake in mistakes)
            return PlainTextResponse(f"failed to reload config:\n{text}", status_code=500)
        return PlainTextResponse("")

    def _body(self, accept: str, encoding: str) -> tuple[bytes, dict[str, str]]:
        chosen, coding = choose_format(accept), choose_coding(encoding)
        snapshot, rest = self._backend.snapshot(), self._health.render(chosen)
        body = self._exposition.body(snapshot, self._backend.clock(), chosen, coding, rest)
        headers = {"content-type": chosen.value, "vary": "Accept, Accept-Encoding"}
        return body, headers if coding is Coding.IDENTITY else {**headers, "content-encoding": coding.value}
