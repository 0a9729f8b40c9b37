"""What the stack says of itself when it runs: what to open, and when to expect what."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from exporter.demo.stories import STALLED_AT, STALLED_LIFE
from grafana.demo_stack.addresses import Addresses, url
from grafana.demo_stack.pages import RUNBOOKS

WITHIN = 15  # minutes
_STALLS_AT = 0.925  # 90 % of the life, and a quarter of what is left as grace
_LAST_TWENTIETH_AT = 0.95
_TEXT = """\
The demonstration fleet with Prometheus and Alertmanager around it. As shipped: the alert rules with their intervals,
Alertmanager's routes, waiting times and inhibitions. Only for this: metrics are scraped every few seconds, and what
would go to a pager or become a ticket is printed below.

Open   Prometheus    {alerts}
       metrics       {exporter}/metrics
       runbooks      {receiver}{runbooks}/README.md
       dashboards    {dashboards}
       Alertmanager  amtool alert query --alertmanager.url={alertmanager}

{now}  Started. Nodes that are ill from the start bring their notifications, the first after two minutes or so, the last
          after some ten: groups wait for company, 90 seconds on the way to the pager, two minutes on the way to a
          ticket, and a few alerts have five minutes of patience before.
{stalls}  worker-08.prod stalls: nobody signs its requests, and its certificate of four hours is past its rotation
          window by more than the grace. The notification, KubeletCertRotationStalled, arrives by {arrives}.
{expiring}  Its last twentieth begins: KubeletCertExpiring goes to the pager, and mutes the other. KubeletCertExpired
          follows after {expired}.

What a notification tells first, for one of these nodes:
  {program} explain --config.file={config} worker-08.prod
Take a healthy node down, and up again:
  touch {switch}
  rm {switch}
Nothing is printed at first, and that is right: a node that is just off is no alarm. Within half a minute the metrics
say kubelet_cert_node_up 0 of it. KubeletCertBlind becomes a ticket when its certificate may be due (in the rotation
window, or past it) and nobody could see it for 15 minutes: here, where a healthy certificate lives for 15 minutes,
17 to 30 minutes after the touch. A node that was never read is told after an hour (KubeletCertNeverRead).
Nothing else is told of it.
Logs and data: {folder}, gone when this ends. Ctrl-C ends everything.
"""


def introduction(addresses: Addresses, folder: Path, alerts: str, grafana: str | None, now: datetime.datetime) -> str:
    """``alerts`` is Prometheus' page; ``grafana`` None where the notifications' links lead to the stack's own pages."""

    def when(used: float) -> datetime.datetime:
        return now + datetime.timedelta(seconds=(used - STALLED_AT) * STALLED_LIFE)

    arrives = now + datetime.timedelta(minutes=WITHIN)
    return _TEXT.format(
        alerts=alerts,
        exporter=url(addresses.exporter),
        runbooks=RUNBOOKS,
        receiver=url(addresses.receiver),
        alertmanager=url(addresses.alertmanager),
        dashboards=grafana
        or "grafana/dashboards/*.json, for a Grafana of yours: --grafana-url=URL leads the links there",
        now=f"{now:%H:%M:%S}",
        stalls=f"{when(_STALLS_AT):%H:%M:%S}",
        expiring=f"{when(_LAST_TWENTIETH_AT):%H:%M:%S}",
        expired=f"{when(1.0):%H:%M}",
        arrives=f"{arrives:%H:%M}",
        switch=folder / "demo" / "nodes" / "worker-01.prod.off",
        program=Path(sys.executable).with_name("kubelet-cert-exporter"),
        config=folder / "demo" / "config.yaml",
        folder=folder,
    )
