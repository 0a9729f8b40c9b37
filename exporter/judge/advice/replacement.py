"""Another machine in a node's place, where a provider or kops makes them: a Node object that is deleted leaves its own.

As docs/runbooks/KubeletCertExpired.md has it; words in capitals are for a person to fill in.
"""

from __future__ import annotations

from shlex import quote

from exporter.judge.advice import steps
from exporter.judge.case import Case
from exporter.model.finding import Step
from exporter.model.kubelet import Distribution


def replacement(case: Case) -> tuple[Step, ...] | None:
    """By who makes the machines; None where nobody is known to."""
    make = _MACHINES.get(case.kubelet.distribution)
    if make is None:
        return None
    name = quote(steps.node_name(case))
    drain = f"kubectl drain {name} --ignore-daemonsets --delete-emptydir-data --timeout=10m"
    return (
        Step(drain, "with cluster access, while it is Ready: it cannot be mended in place, its machine is replaced"),
        *make(name),
        Step("kubectl get nodes", "with cluster access, minutes later: a new node is there, and the old one is gone"),
    )


def _of_eks(name: str) -> tuple[Step, ...]:
    look = f"kubectl get node {name} -o 'jsonpath={{.spec.providerID}}{{\"\\n\"}}'"
    end = "aws autoscaling terminate-instance-in-auto-scaling-group --no-should-decrement-desired-capacity"
    return (
        Step(look, "with cluster access: its last part is INSTANCE below"),
        Step(f"{end} --instance-id INSTANCE", "with the provider's access: the instance's group starts another one"),
    )


def _of_aks(name: str) -> tuple[Step, ...]:
    pool = "az aks nodepool delete-machines --resource-group GROUP --cluster-name CLUSTER --name POOL"
    purpose = "with the provider's access: the machine goes; scale the pool up again where no autoscaler does"
    return (Step(f"{pool} --machine-names {name}", purpose),)


def _of_gke(_: str) -> tuple[Step, ...]:
    repair = "gcloud container node-pools update POOL --cluster=CLUSTER --location=LOCATION --enable-autorepair"
    purpose = "with the provider's access, where it is off: replaces a node some ten minutes after it is not Ready"
    return (Step(repair, purpose),)


def _of_kops(name: str) -> tuple[Step, ...]:
    return (Step(f"kops delete instance {name} --yes", "where kops is run: its instance group starts another one"),)


_MACHINES = {
    Distribution.EKS: _of_eks,
    Distribution.AKS: _of_aks,
    Distribution.GKE: _of_gke,
    Distribution.KOPS: _of_kops,
}
