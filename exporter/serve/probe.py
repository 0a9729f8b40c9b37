"""``/probe``: one node looked at because a request says so, after Prometheus' multi-target pattern."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.errors import ProbeError, Refusal
from exporter.model.probe import DEFAULT_MODULE, Probing
from exporter.model.snapshot import FleetSnapshot
from exporter.serve.exposition import Format, choose_format, render
from exporter.serve.families import INVENTORY

LONGEST = 100.0  # seconds, whatever scrape and module say: less than a connection has for an answer
MARGIN = 0.5  # seconds for the answer's way back, as other exporters leave
SCRAPE_TIMEOUT = "x-prometheus-scrape-timeout-seconds"
_STATUS = {Refusal.MALFORMED: 400, Refusal.FORBIDDEN: 403, Refusal.BUSY: 503}
_OF_OURS = ("same-origin", "none")  # Sec-Fetch-Site: this site's own pages, and a person's own doing

Begin = Callable[[str, str, Callable[[], None]], Probing]


class ProbePage:
    """The endpoint over what begins a probe of a target with a module, and tells when its visit has ended."""

    def __init__(self, begin: Begin, clock: Callable[[], float]) -> None:
        self._begin = begin
        self._clock = clock

    async def probe(self, request: Request) -> Response:
        """The node's families, and how the probe went."""
        began = time.monotonic()
        if request.method != "GET":
            return PlainTextResponse("A probe is asked for by GET.\n", status_code=405, headers={"allow": "GET"})
        if request.headers.get("sec-fetch-site", "none") not in _OF_OURS:
            return _refused(Refusal.FORBIDDEN, "a page of another site may not have a node logged in to")
        given = request.query_params
        if len(given.getlist("target")) != 1 or len(given.getlist("module")) > 1:
            return _refused(Refusal.MALFORMED, "one target is needed, and at most one module: /probe?target=NODE")
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            probing = self._begin(
                given["target"], given.get("module", DEFAULT_MODULE), lambda: _from_a_thread(loop, ended)
            )
        except ProbeError as error:
            return _refused(error.refusal, str(error))
        is_over = await _is_set(ended, patience(request.headers.get(SCRAPE_TIMEOUT), probing.timeout))
        return self._answer(probing.known(), request, time.monotonic() - began, is_over=is_over)

    def _answer(self, known: FleetSnapshot, request: Request, duration: float, *, is_over: bool) -> Response:
        chosen = choose_format(request.headers.get("accept", ""))
        success = is_over and any(report.up for report in known.reports)
        own = "".join(_own(int(success), duration)).encode()
        end = b"# EOF\n" if chosen is Format.OPENMETRICS else b""
        body = render(known, self._clock(), chosen, across=(INVENTORY,)) + own + end
        return Response(body, headers={"content-type": chosen.value, "vary": "Accept"})


def patience(scrape: str | None, module: float | None) -> float:
    """How many seconds a probe may take: the least of what the scrape's header, less a margin, and the module say."""
    try:
        header = float(scrape) if scrape else LONGEST + MARGIN
    except ValueError:
        header = LONGEST + MARGIN
    if not 0 < header <= LONGEST + MARGIN:  # NaN is neither
        header = LONGEST + MARGIN
    within = max(header - MARGIN, header / 2)
    return within if module is None else min(within, module)


def _own(success: int, duration: float) -> Iterator[str]:
    """What users of the pattern look for."""
    yield "# HELP probe_success 1 if the visit ended in time and brought a reading.\n"
    yield f"# TYPE probe_success gauge\nprobe_success {success}\n"
    yield "# HELP probe_duration_seconds How long the probe took, with the wait for its turn.\n"
    yield f"# TYPE probe_duration_seconds gauge\nprobe_duration_seconds {duration!r}\n"


def _refused(refusal: Refusal, text: str) -> Response:
    headers = {"retry-after": "1"} if refusal is Refusal.BUSY else {}
    return PlainTextResponse(f"{text}\n", status_code=_STATUS[refusal], headers=headers)


def _from_a_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)


async def _is_set(event: asyncio.Event, within: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), within)
    except TimeoutError:
        return False
    return True
