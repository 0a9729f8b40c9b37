"""What ``explain`` tells, as data. The keys are a contract: docs/commands.md."""

from __future__ import annotations

from exporter.cli import data, listing
from exporter.cli.reasons import MEANINGS
from exporter.cli.restart_words import restart_words
from exporter.cli.standing import Standing, standing
from exporter.cli.state_words import since
from exporter.cli.story import certificates
from exporter.cli.urgency import urgency
from exporter.cli.words import moment
from exporter.model.facts import NodeFacts
from exporter.model.finding import Finding
from exporter.model.host import Process
from exporter.model.kubelet import Kubelet
from exporter.model.report import Visit
from exporter.model.restart import Restart
from exporter.serve.views import NodeView

Data = dict[str, object]


def story(visit: Visit, view: NodeView, now: float) -> Data:
    """The node as ``visit --format json`` has it, and all that this visit saw beside it; what is not known is null."""
    facts, assessment, state = visit.facts, visit.assessment, view.client_state
    began = since(state, view.report.client)
    meaning = MEANINGS[visit.reason] if visit.reason else None
    it = standing(visit, view, now)
    told: Data = {
        **data.node(view),
        "up": None if visit.is_kept else view.report.up,  # nobody looked
        "state_since": None if began is None else moment(began),
        "urgency": urgency(it),
        "offline": visit.is_kept,
        "last_success": None if view.report.last_success is None else moment(view.report.last_success),
        "visited": moment(visit.began),
        "duration_seconds": round(visit.duration, 3),
        "uid": facts.uid if facts else None,
        "reason_seen": meaning.seen if meaning else None,
        "reason_look_at": meaning.look if meaning else None,
        "findings": [_finding(finding) for finding in view.findings],
        "restart": _restart(it, it.restart) if it.restart else None,
        "kubelet": _kubelet(assessment.kubelet) if assessment and assessment.kubelet else None,
        "process": _process(facts.process) if facts and facts.process else None,
        "handshake": facts.handshake if facts else None,
        "store": _store(facts) if facts else None,
        "not_seen": list(assessment.unseen) if assessment else None,
    }
    rotated = {str(role): data.rotated(reading, its_state) for role, reading, its_state in view.readings()}
    others = certificates(assessment, view) if assessment else ()
    told["certificates"] = {
        **{str(role): data.certificate(found) for role, found, _ in others},
        **rotated,
    }
    return told


def _finding(finding: Finding) -> Data:
    return {
        "cause": finding.cause,
        "severity": finding.severity,
        "evidence": finding.evidence,
        "steps": [{"command": step.command, "purpose": step.purpose} for step in finding.steps],
    }


def _restart(it: Standing, restart: Restart) -> Data:
    """``safe`` is of files alone; what else speaks against a restart is in the page's words."""
    verdict, explanation, _ = restart_words(it, restart)
    return {
        "safe": restart.safe,
        "reason": restart.reason,
        "words": restart.words,
        "verdict": verdict.strip(),
        "explanation": explanation,
        "ending": restart.ending,
        "until": None if restart.until is None else moment(restart.until),
    }


def _kubelet(kubelet: Kubelet) -> Data:
    return {
        "distribution": kubelet.distribution or None,
        "flags_known": kubelet.flags_known,
        "flags_remembered": kubelet.flags_remembered,
        "config_known": kubelet.config_known,
        "store": kubelet.store or None,
        "kubeconfig": kubelet.kubeconfig,
        "bootstrap": kubelet.bootstrap,
        "credential": kubelet.credential,
        "rotates": kubelet.rotates,
        "server_tls_bootstrap": kubelet.server_tls_bootstrap,
        "node_name": kubelet.node_name,
    }


def _process(process: Process) -> Data:
    return {
        "sight": process.sight,
        "name": process.name or None,
        "count": process.count,
        "started": None if process.started is None else moment(process.started),
        "uid": process.uid,
    }


def _store(facts: NodeFacts) -> Data:
    return {
        "path": facts.store.path,
        "condition": facts.store.condition,
        "names": [_name(line) for line in listing.lines(facts)],
        "names_not_shown": facts.store.hidden,
    }


def _name(line: listing.Line) -> Data:
    entry = line.entry
    return {
        "name": entry.name,
        "kind": entry.kind,
        "permissions": listing.permissions(entry),
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "modified": None if entry.modified is None else moment(entry.modified),
        "link": line.link,
        "in_use": line.is_used,
        "orphan": line.orphan,
    }
