"""Watch the rotation of kubelet certificates across a fleet, from outside the cluster."""

__version__ = "0.1.0"
