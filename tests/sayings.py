"""What every alert says, word for word: a story for each, with the labels that it is given."""

from __future__ import annotations

from tests.annotations import LIFE, Story, Words
from tests.promtool import ALERTS

NO_CAUSE = "No cause was found on the node."
FILE = " --config.file=/etc/kubelet-cert-exporter/config.yaml"


def of_certificates(words: Words) -> list[Story]:
    """grafana/alerts/rotation.yaml."""
    node, explain = words.node, f"First: `kubelet-cert-exporter explain {words.node}{FILE}`"
    visit = f"First: `kubelet-cert-exporter visit {words.node}{FILE}`"

    def story(alert: str, minutes: int = 2, cert: str = "client") -> Story:
        return Story(
            alert, words, minutes, labels={"cert": cert} if "cert" in ALERTS[alert][1] else {}, dashboard="node"
        )

    return [
        story("KubeletCertRotationLate")
        .certificate(0.91)
        .state("late")
        .says(
            "A kubelet certificate is past its rotation window.",
            f"The client certificate of {node} was due, and is within its grace or excused.",
            "91% of its life is over.",
            "2h 30m 0s are left.",
            NO_CAUSE,
            explain,
        ),
        story("KubeletCertRotationStalled")
        .certificate(0.94)
        .state("stalled")
        .finding("store-full", "kubelet-crash-loop")
        .says(
            "A kubelet does not rotate its certificate.",
            f"The client certificate of {node} was not rotated in its window,",
            "nor in the grace after it.",
            "94% of its life is over.",
            "1h 40m 0s are left.",
            "Found on the node: kubelet-crash-loop.",
            "Found on the node: store-full.",
            explain,
        ),
        story("KubeletCertExpiring", cert="serving")
        .certificate(0.98, "serving")
        .state("stalled", "serving")
        .says(
            "A kubelet certificate is about to expire, and nothing renews it.",
            f"The serving certificate of {node} is in the last twentieth of its life.",
            "Once it has expired, whoever verifies it refuses to talk to the kubelet.",
            "98% of its life is over.",
            "33m 20s are left.",
            NO_CAUSE,
            explain,
        ),
        story("KubeletCertExpired")
        .certificate(1.036)
        .state("expired")
        .says(
            "A kubelet certificate has expired.",
            f"The client certificate of {node} has expired.",
            "A visit after its end found no newer one.",
            "It ended 1h 0m 0s ago.",
            NO_CAUSE,
            explain,
        ),
        story("KubeletCertUnrotatedExpired", 20, "kubeconfig")
        .certificate(1 + 1200 / LIFE, "kubeconfig", managed=False)
        .read()
        .finding("kubeconfig-embedded")
        .says(
            "A certificate that the kubelet does not rotate has expired.",
            f"The kubeconfig certificate of {node} expired at 1970-01-01 00:00:00 +0000 UTC.",
            "Found on the node: kubeconfig-embedded.",
            explain,
        ),
        story("KubeletCertManualRotationDue")
        .certificate(0.8, managed=False)
        .read()
        .state("unmanaged")
        .of_node("kubelet_cert_rotation_enabled", 0, cert="client")
        .says(
            "A kubelet certificate has to be renewed by hand.",
            f"The kubelet of {node} does not rotate its client certificate: somebody else has to.",
            "80% of its life is over.",
            "5h 33m 20s are left.",
            "Renew it, or turn rotation on (rotateCertificates).",
            explain,
        ),
        story("KubeletCertNotYetValid", 6)
        .certificate(-0.036)
        .state("not_yet_valid")
        .finding("not-yet-valid")
        .says(
            "A kubelet certificate is not valid yet.",
            f"The client certificate of {node} begins in the future.",
            "The clock of who signed it was ahead.",
            "It begins in 1h 0m 0s.",
            "Do not restart the kubelet before then.",
            "Found on the node: not-yet-valid.",
            explain,
        ),
        story("KubeletCertBlind", 17)
        .certificate(0.94)
        .read(7200)
        .state("unknown")
        .failure("connect_timeout")
        .says(
            "A kubelet certificate may be due, and nobody can see it.",
            f"It is not known whether {node} rotates its client certificate.",
            "Its last reading is too old to tell.",
            "It was taken 2h 0m 0s ago.",
            "Reason: connect_timeout.",
            "94% of its life is over.",
            "1h 40m 0s are left.",
            visit,
        ),
        story("KubeletCertNeverRead", 62)
        .failure("auth_failed")
        .says(
            "A node in the inventory was never read.",
            f"No visit of {node} has brought a reading yet: nothing is known of its certificates.",
            "Reason: auth_failed.",
            visit,
        ),
    ]


def of_nodes(words: Words) -> list[Story]:
    """grafana/alerts/nodes.yaml."""
    node, explain = words.node, f"First: `kubelet-cert-exporter explain {words.node}{FILE}`"

    def story(alert: str, *causes: str, minutes: int = 2) -> Story:
        return Story(alert, words, minutes, dashboard="node").finding(*causes)

    return [
        story("KubeletCertRestartUnsafe", "bootstrap-file-missing", minutes=7)
        .of_node("kubelet_cert_restart_safe", 0)
        .says(
            "A kubelet would not come back from a restart.",
            f"Do not restart the kubelet of {node} or reboot it before that is mended.",
            "Found on the node: bootstrap-file-missing.",
            explain,
        ),
        story("KubeletCertStoreBroken", "store-link-gap", "orphan-empty").says(
            "A kubelet's certificate store is broken.",
            f"The certificate store of {node} is not as the kubelet leaves it.",
            "A rotation was signed and lost there, or the next rotation or restart will fail.",
            "Found on the node: orphan-empty.",
            "Found on the node: store-link-gap.",
            explain,
        ),
        story("KubeletCertStoreFull", "store-full").says(
            "The file system of a kubelet's certificate store is full.",
            f"There is no room on {node} for the next certificate. Make room, and delete nothing in the store.",
            explain,
        ),
        story("KubeletCertCrashLoop", "kubelet-crash-loop").says(
            "A kubelet crashes again and again.",
            f"The kubelet of {node} does not stay up. Its journal says what it stumbles over.",
            "Found on the node: kubelet-crash-loop.",
            "First: the status and journal of its unit on the node, as `journalctl -u kubelet -n 50`",
        ),
        story("KubeletCertNodeClockSkew", "clock-behind")
        .of_node("kubelet_cert_node_clock_offset_seconds", -90)
        .says(
            "A node's clock is off.",
            f"The kubelet of {node} judges certificates by a clock that is wrong.",
            "It is -1m 30s ahead of the exporter's (behind where that is negative).",
            "First: `timedatectl` on the node",
        ),
        story("KubeletCertKeyMaterialSeen")
        .failure("key_material")
        .says(
            "A node sent a private key.",
            f"The answer of {node} held a private key. It was dropped unread, and is stored nowhere.",
            "The node is not read until that is mended.",
            f"First: `kubelet-cert-exporter visit {node}{FILE}`",
        ),
        story("KubeletCertHostKeyChanged")
        .failure("host_key_revoked")
        .says(
            "A host key is not the one that was known.",
            f"Whoever answers for {node}, or for the bastion before it, has another host key than is known,",
            "or a revoked one.",
            "No credential was sent.",
            "Reason: host_key_revoked.",
            "First: find out whether that host was set up anew",
        ),
        Story("KubeletCertFinding", words, 4, {"cause": "kubelet-down"}, dashboard="fleet")
        .finding("kubelet-down")
        .says(
            "Nodes have a fault that will cost them a certificate, or a restart.",
            f"kubelet-down: {node}.",
            explain,
        ),
    ]


def of_clusters(words: Words) -> list[Story]:
    """grafana/alerts/fleet.yaml."""
    cluster = words.cluster
    ca = "First: `kubeadm certs check-expiration` on a control plane node, or what your distribution has for it"
    across = f"First: `kubelet-cert-exporter visit{FILE}`", "It ends with what it finds across nodes, and their names."

    def story(alert: str, minutes: int = 2, **labels: str) -> Story:
        return Story(alert, words, minutes, labels, dashboard="fleet")

    def found(alert: str, cause: str) -> Story:
        labels = {"cause": cause} if "cause" in ALERTS[alert][1] else {}
        return story(alert, 2, **labels).has(
            "kubelet_cert_fleet_finding", cluster=cluster, cause=cause, severity="warning"
        )

    coverage, shrank = story("KubeletCertCoverageLow", 7), story("KubeletCertInventoryShrank", 50).has("up")
    for number in range(3):
        for name, value in (("kubelet_cert_node_info", 1), ("kubelet_cert_node_up", 0)):
            coverage.has(name, value, cluster=cluster, node=f"{words.node}{number}")
        reason = "sudo_denied" if number else "auth_failed"
        coverage.has("kubelet_cert_node_failure", cluster=cluster, node=f"{words.node}{number}", reason=reason)
        shrank.has("kubelet_cert_node_info", values=f"1x{10 if number else 50}", cluster=cluster, node=f"w{number}")
    return [
        found("KubeletCertFleetRotationStalled", "fleet-stalled")
        .certificate(0.94)
        .state("stalled")
        .finding("csr-denied")
        .says(
            "The kubelets of a cluster get no new certificates.",
            "Nothing on these nodes explains it: look at who approves and signs, not at the nodes.",
            "Not rotated in their window, nor in the grace after it: 1 nodes.",
            "Nodes of the cluster in all: 1.",
            f"{words.node} ends in 1h 40m 0s.",
            "Found on 1 of them: csr-denied.",
            "First: `kubectl get csr`",
        ),
        story("KubeletCertCAExpiring", 62)
        .certificate(0.1)
        .of_node("kubelet_cert_not_after_timestamp_seconds", 62 * 60 + 36_000, cert="ca")
        .says(
            "The CA of a cluster's kubelet certificates has to be renewed.",
            "The newest CA that signs kubelet certificates has less left than one of them lives.",
            "Each new one ends with the CA.",
            "10h 0m 0s are left.",
            ca,
        ),
        story("KubeletCertCANearlyExpired", 7)
        .certificate(0.1)
        .of_node("kubelet_cert_not_after_timestamp_seconds", 7 * 60 + 3600, cert="ca")
        .says(
            "The CA of a cluster's kubelet certificates is about to expire.",
            "When the newest CA that signs kubelet certificates ends, all that it signed is refused:",
            "nodes and control plane.",
            "1h 0m 0s are left, less than a quarter of a kubelet certificate's lifetime.",
            ca,
        ),
        found("KubeletCertShared", "certificate-shared").says(
            "Nodes share one client certificate.",
            "Several nodes have one and the same client certificate, and overwrite each other's status.",
            *across,
        ),
        found("KubeletCertFleetFinding", "fleet-ca-caps").says(
            "The nodes of a cluster have a fault in common.",
            "fleet-ca-caps holds: it shows where nodes are compared with each other.",
            *across,
        ),
        coverage.says(
            "Many nodes of a cluster cannot be read.",
            "3 nodes could not be read at their last visit, more than a tenth of the cluster.",
            "Reason: auth_failed, on 1 of them.",
            "Reason: sudo_denied, on 2 of them.",
            "First, with the name of one:",
            f"`kubelet-cert-exporter visit NODE{FILE}`",
        ),
        shrank.says(
            "The inventory of a cluster has shrunk.",
            "Nodes of the cluster in the inventory now: 1.",
            "Within the last six hours: 3.",
            "First: whether they were removed on purpose; then the inventory's source",
        ),
        story("KubeletCertClusterVanished", 50)
        .has("up")
        .has("kubelet_cert_node_info", values="1x10", cluster=cluster, node=words.node)
        .says(
            "A whole cluster is gone from the inventory.",
            "Nodes of the cluster in the inventory now: none, so nobody looks at them.",
            "Within the last hour: 1.",
            "First: whether it was removed on purpose; then the inventory's source, and the exporter's last reload",
        ),
    ]


def of_exporters(words: Words) -> list[Story]:
    """grafana/alerts/exporter.yaml."""
    this, prefix = f"{words.job} at {words.instance}", "kubelet_cert_exporter_"

    def story(alert: str, minutes: int, name: str = "", value: float = 1, **labels: str) -> Story:
        told = Story(alert, words, minutes, labels, dashboard="exporter")
        return told.has(f"{prefix}{name}", value, **labels) if name else told

    return [
        story("KubeletCertExporterDown", 12)
        .has("up", 0)
        .says(
            "An exporter of kubelet certificates cannot be scraped.",
            f"{this} does not answer, so nothing new is known of its nodes.",
            "Alerts about certificates that were seen to be late or worse stay.",
            "First: `systemctl status kubelet-cert-exporter`, or its pod's state and log",
        ),
        Story("KubeletCertExporterAbsent", words, 17, dashboard="exporters").says(
            "No exporter of kubelet certificates is scraped.",
            "Prometheus has no target whose job begins with kubelet-cert-exporter.",
            "Nobody looks at kubelet certificates.",
            "First: the scrape configuration, or the labels of the ServiceMonitor",
        ),
        story("KubeletCertExporterStuck", 140, "last_visit_timestamp_seconds", 0)
        .has("kubelet_cert_inventory_nodes", cluster=words.cluster)
        .says(
            "An exporter of kubelet certificates visits no node.",
            f"{this} answers, and visits no node.",
            "The last visit ended 2h 20m 0s ago.",
            "First: its log; then a restart",
        ),
        Story("KubeletCertExporterClockOff", words, 2, dashboard="exporters")
        .has("kubelet_cert_fleet_finding", cause="exporter-clock-off", severity="warning")
        .says(
            "The clock of an exporter of kubelet certificates is off.",
            "In the median the nodes' clocks are more than a minute from the exporter's.",
            "Findings about single clocks are held back.",
            f"It is {words.instance}'s.",
            "First: `timedatectl` on the exporter's machine",
        ),
        story("KubeletCertVisitsOverdue", 47, "overdue_visits", 7).says(
            "An exporter of kubelet certificates does not keep up with its visits.",
            f"{this} has had visits waiting for three quarters of an hour.",
            "Now: 7.",
            "Readings are older than they should be.",
            "First: `concurrency` and `logins_per_second`, and whether many nodes time out",
        ),
        story("KubeletCertLoginsPaused", 2, "logins_paused").says(
            "An exporter of kubelet certificates has paused all logins.",
            f"{this} was refused by too many nodes, and logs in to none for a while.",
            "First: its key and user on the nodes, by a visit of one:",
            f"`kubelet-cert-exporter visit NODE{FILE}`",
            "A reload ends the pause.",
        ),
        story("KubeletCertHostKeysUnchecked", 62, "unverified_nodes", 4).says(
            "An exporter of kubelet certificates takes host keys unchecked.",
            f"{this} takes host keys as they are (host_key_policy: insecure).",
            "Nodes that it reads so, or by way of such a bastion: 4.",
            "First: their keys in known_hosts, or a host CA's line",
        ),
        story("KubeletCertConfigReloadFailed", 7, "config_last_reload_successful", 0).says(
            "An exporter of kubelet certificates could not load its configuration.",
            f"{this} goes on with its old configuration,",
            "and would not start with the new one.",
            f"First: `kubelet-cert-exporter run --config.check{FILE}`",
        ),
        story("KubeletCertInventorySourceDown", 17, "inventory_source_up", 0, source=words.source).says(
            "A source of an exporter's inventory cannot be used.",
            f"{this} cannot use {words.source}.",
            "The nodes that it last named stay, and new ones are not looked at.",
            "First: that file, and whoever writes it",
        ),
        story("KubeletCertWebConfigReloadFailed", 7, "web_config_last_reload_successful", 0).says(
            "An exporter of kubelet certificates could not load its web configuration.",
            f"{this} serves with an older web configuration,",
            "or an older certificate, than its files have.",
            "First: its log, which names the file and the mistake",
        ),
        story("KubeletCertExporterStoreDown", 17, "store_up", 0).says(
            "An exporter of kubelet certificates cannot keep what it learns.",
            f"{this} cannot write its store.",
            "What it learns now is forgotten at its next restart.",
            "First: its log, which names the file and the error",
        ),
        story(
            "KubeletCertSshCredentialExpiring", 100, "ssh_credential_not_after_timestamp_seconds", 6300, file=words.file
        ).says(
            "The certificate that an exporter logs in with is about to expire.",
            f"{this} logs in with {words.file}.",
            "When that ends, it reads no node any more that it logs in to with it.",
            "5m 0s are left.",
            "First: renew it; the exporter reads the file again by itself",
        ),
        Story("KubeletCertShardMissing", words, 17, dashboard="job")
        .has("up")
        .has(f"{prefix}total_shards", 3)
        .has(f"{prefix}shard_info", shard="1", total_shards="3")
        .says(
            "A shard of the inventory has no exporter.",
            f"Of {words.job} some nodes are visited by nobody: 2 shards have no exporter.",
            "There are to be 3.",
            "There: 1.",
            "First: whether an exporter runs with each --shard from 0 on, and is scraped",
        ),
        Story("KubeletCertShardsMismatch", words, 62, dashboard="job")
        .has("up")
        .has(f"{prefix}shard_info", shard="0", total_shards="2")
        .has(f"{prefix}shard_info", shard="1", total_shards="3", instance="other")
        .says(
            "Exporters that share an inventory do not agree on the number of shares.",
            f"The exporters of {words.job} were started with different --total-shards.",
            "Some nodes may be visited by nobody, others twice.",
            "Of 2 shards: 1 exporters.",
            "Of 3 shards: 1 exporters.",
            "First: whether a rollout is stuck, and whether two sets of exporters have one job",
        ),
    ]


def stories(words: Words) -> list[Story]:
    """One for every alert."""
    return [*of_certificates(words), *of_nodes(words), *of_clusters(words), *of_exporters(words)]
