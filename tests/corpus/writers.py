"""What other programs write beside kubeadm: tokens, passwords and plugins in kubeconfigs, drop-ins, EKS' JSON."""

from __future__ import annotations

import json

from exporter.demo.kubeconfig import User


def by_token(token: str) -> User:
    return User((f"token: {token}",))


def by_password(name: str, password: str) -> User:
    return User((f"username: {name}", f"password: {password}"))


def by_plugin(command: str, *words: str, secret: str = "") -> User:
    """A user whose token an exec plugin fetches."""
    env = ("  env:", "  - name: PLUGIN_SECRET", f"    value: {secret}") if secret else ()
    return User(
        (
            "exec:",
            "  apiVersion: client.authentication.k8s.io/v1beta1",
            "  args:",
            *(f"  - {word}" for word in words),
            f"  command: {command}",
            *env,
        )
    )


def drop_in(**settings: bool) -> str:
    """A file of ``--config-dir``."""
    head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
    return head + "".join(f"{key}: {str(value).lower()}\n" for key, value in settings.items())


def configuration_in_json(client_ca: str, **more: object) -> str:
    """The same as EKS writes it."""
    whole = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"cacheTTL": "2m0s", "enabled": True},
            "x509": {"clientCAFile": client_ca},
        },
        "clusterDomain": "cluster.local",
        "hairpinMode": "hairpin-veth",
        "readOnlyPort": 0,
        "cgroupDriver": "systemd",
        **more,
        "clusterDNS": ["172.20.0.10"],
    }
    return json.dumps(whole, indent=2) + "\n"
