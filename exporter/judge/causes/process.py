"""The process: down, or starting again and again."""

from __future__ import annotations

from exporter.judge import excuse
from exporter.judge.case import UNSEEN, Answer, Case
from exporter.judge.causes.wording import span, when
from exporter.model.assessment import Certificate
from exporter.model.facts import DirectoryCondition
from exporter.model.host import Service, Sight

# A kubelet whose certificate has ended exits five minutes after its start (client-go transport/cert_rotation.go,
# pkg/kubelet/certificate/transport.go; seen 4:59 to 5:04).
YOUNG = 360.0
RESTARTS = 3


def down(case: Case) -> Answer:
    """5: processes are to be seen and none of them is a kubelet; nothing moves in the store from then on."""
    process, service = case.facts.process, case.facts.service
    if process is None or process.sight is Sight.HIDDEN:
        return UNSEEN
    if process.sight is Sight.SEEN or not _is_a_node(case) or crash_loop(case):
        return None
    if service and service.active == "activating":
        return UNSEEN  # it is being started; the next visit tells what became of that
    if service and service.active in ("active", "reloading", "deactivating"):
        return None  # systemd knows a process that began or ended while we looked
    return "no kubelet process runs" + (f"; {_told(service)}" if service else "")


def crash_loop(case: Case) -> str | None:
    """5: systemd starts it again and again, or each of the last three visits met another process.

    One restart is none: a process that was there at the two visits before has lived. Of a first visit nobody knows
    whether systemd's restarts are those of a year.
    """
    service, process, age = case.facts.service, case.facts.process, case.process_age()
    is_old = age is not None and age >= YOUNG
    if service and service.sub == "auto-restart" and _is_often(case) and not is_old:
        return f"{_told(service)}: systemd starts the kubelet again and again{_not_by_its_certificate(case)}"
    if age is None or process is None or process.started is None:
        return None
    if excuse.is_restarting(case.facts, case.memory):
        return (
            f"each of the last {excuse.NEW_STARTS_OF_A_LOOP} visits met another kubelet process, "
            f"the last of them started {when(process.started, case.by_the_node)}{_not_by_its_certificate(case)}"
        )
    new = excuse.new_starts(case.facts, case.memory)
    if service and _is_often(case) and not is_old and len(new) > 1 and all(new):
        return f"the kubelet started {span(age)} ago and {_told(service)}{_not_by_its_certificate(case)}"
    return None


def _not_by_its_certificate(case: Case) -> str:
    """Where the files that a start reads are known to be good."""
    certificate = case.certificate()
    if case.restart is None or case.restart.safe is not True or not isinstance(certificate, Certificate):
        return ""
    if not certificate.not_before <= case.certainly <= certificate.not_after:
        return ""
    return f"; the certificate is not why it exits (valid until {when(certificate.not_after, case.facts.taken)})"


def crash_looping(case: Case) -> Answer:
    """5, as the table asks it: UNSEEN where neither a process nor its service was to be seen."""
    found = crash_loop(case)
    if found:
        return found
    process = case.facts.process
    if process is None or (process.started is None and process.sight is not Sight.ABSENT):
        return UNSEEN
    age = case.process_age()
    looks_like_it = age is None or age < YOUNG  # down, or young: systemd would know
    return UNSEEN if looks_like_it and (case.facts.service is None or _is_often(case)) else None


def _is_often(case: Case) -> bool:
    """Whether systemd counts restarts, and no kubelet was there twice in a row of late."""
    service = case.facts.service
    return service is not None and (service.restarts or 0) >= RESTARTS and not excuse.has_lived(case.memory)


def _is_a_node(case: Case) -> bool:
    """A machine with neither a store nor a kubeconfig is no node: its kubelet is not missed."""
    return case.facts.store.condition is not DirectoryCondition.MISSING or case.facts.kubeconfig is not None


def _told(service: Service) -> str:
    restarts = f", restarted {service.restarts} times" if service.restarts else ""
    status = f", last exit status {service.status}" if service.status else ""
    return f"{service.unit} is {service.active} ({service.sub}){restarts}{status}"
