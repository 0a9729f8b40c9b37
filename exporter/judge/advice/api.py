"""What to do about the way to the API server, and the CA that it is known by."""

from __future__ import annotations

from shlex import quote

from exporter.judge.advice import shell, signer, steps
from exporter.judge.case import Case
from exporter.model.finding import Step

_CA = "/root/cluster-ca.crt"


def unauthorized(case: Case) -> tuple[Step, ...]:
    """The API server does not know the certificate's issuer, or the certificate has ended."""
    look = Step(
        steps.lets_in(case),
        "on the node. Prints it: the request was refused for another reason, read the journal with the next line. "
        "Unauthorized: what kubelet.conf holds is not accepted, go on below",
    )
    journal = Step(steps.journal(case, "Unauthorized|[Cc]ertificate"), "on the node: what is refused")
    return (look, journal, *signer.trust(case)[1:])


def reached(case: Case) -> tuple[Step, ...]:
    """The address that kubelet.conf names."""
    address = _server(case)
    host = address.partition("://")[2].partition("/")[0].rpartition(":")[0] or "API-SERVER"
    conf = quote(steps.kubeconfig(case))
    return (
        Step(
            f"curl -sk -m 5 -o /dev/null -w '%{{http_code}}\\n' {quote(f'{address}/livez')}",
            "on the node: any number but 000 means that it answers now, and the kubelet renews by itself",
        ),
        Step(f"grep ' server:' {conf}", "after 000: is that still the API's address? If not, set it and restart"),
        Step(
            f"getent hosts {quote(host.strip('[]'))}; ip route get {quote(host.strip('[]'))}",
            "after 000: name and route",
        ),
        Step(
            "kubectl cluster-info",
            "with cluster access, after 000: the address that others use; then load balancer, firewall",
        ),
        steps.stored(case, "a minute after it answers"),
    )


def authority(case: Case) -> tuple[Step, ...]:
    """The CA in kubelet.conf, or the file that it names: only one by which the API server is known."""
    fetch = "kubectl get cm kube-root-ca.crt -n kube-system -o 'jsonpath={.data.ca\\.crt}' > cluster-ca.crt"
    path, named = steps.kubeconfig(case), case.facts.kubeconfig.authority if case.facts.kubeconfig else None
    if named and not named.is_embedded:
        file = quote(named.path)
        put = (f"{{ [ ! -e {file} ] || {shell.kept(named.path)}; }}", shell.put(_CA, file, "644"))
    else:
        once = '[ "$(grep -cF "certificate-authority-data: $ca" "$f.new")" = 1 ]'
        edit = 'sed -E "s#^( *certificate-authority-data):.*#\\1: $ca#"'
        put = (f'ca=$(base64 -w0 {_CA}) && [ -n "$ca" ]', shell.rewritten(path, edit, once))
    change = shell.chain(
        f"openssl x509 -noout -subject -enddate -in {_CA}",
        f"curl -s -m 5 --cacert {_CA} -o /dev/null {quote(f'{_server(case)}/livez')}",
        *put,
        steps.again(case),
        stop="STOP: not this cluster's CA, or nothing to change",
    )
    where = f"{named.path}, which kubelet.conf names," if named and not named.is_embedded else "kubelet.conf"
    return (
        Step(fetch, f"with cluster access, in a folder of your own: the cluster's CA; bring it to {_CA} here"),
        Step(change, f"here, as root: where that CA is the one of the API server, {where} gets it, then a restart"),
        Step(steps.lets_in(case), "on the node: must print it"),
    )


def _server(case: Case) -> str:
    known = case.facts.kubeconfig.server if case.facts.kubeconfig else None
    return (known or "https://API-SERVER:6443").rstrip("/")
