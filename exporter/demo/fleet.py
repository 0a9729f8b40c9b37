"""Who lives in the demonstration: names, clusters, and what is the matter with each node."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Story(StrEnum):
    """What is the matter with a node of the demonstration."""

    HEALTHY = "healthy"
    STALLED = "nobody signs what it asks for"
    KUBELET_DOWN = "its kubelet is down and its certificate has ended"
    CRASH_LOOP = "its kubelet starts again and again"
    NOT_YET_VALID = "its certificate begins in two hours"
    UNREACHABLE = "unreachable"
    CHANGED_HOST_KEY = "another host key than is known"
    DENIED = "its store is closed to us"
    REGULAR_FILE = "a regular file in place of the link"
    UPDATED_LEFTOVER = "a regular file where the next link goes"
    KEY_CUT = "a power cut took the end of its key"
    DISK_FULL = "its disk was full at the last rotations"
    EMBEDDED = "kubelet.conf embeds a certificate that has ended"
    DATED_FILE = "kubelet.conf names a dated file"
    ROTATION_OFF = "rotation is switched off"
    SELF_SIGNED_ENDING = "its self-signed serving certificate ends soon"
    K3S = "k3s has to renew its certificate soon"
    CLONE = "an image with the certificate of another node"


@dataclass(frozen=True, slots=True)
class Character:
    """A node of the demonstration: its name, cluster and story."""

    name: str
    cluster: str
    story: Story = Story.HEALTHY


def _several(pattern: str, numbers: range, cluster: str, story: Story = Story.HEALTHY) -> tuple[Character, ...]:
    return tuple(Character(pattern.format(number), cluster, story) for number in numbers)


FLEET = (
    Character("control-1.prod", "prod", Story.EMBEDDED),
    *_several("control-{}.prod", range(2, 4), "prod"),
    *_several("worker-{:02}.prod", range(1, 8), "prod"),
    Character("worker-08.prod", "prod", Story.STALLED),
    Character("worker-09.prod", "prod", Story.CHANGED_HOST_KEY),
    Character("worker-10.prod", "prod", Story.REGULAR_FILE),
    Character("worker-11.prod", "prod", Story.UPDATED_LEFTOVER),
    Character("worker-12.prod", "prod", Story.KEY_CUT),
    Character("worker-13.prod", "prod", Story.DISK_FULL),
    Character("worker-14.prod", "prod", Story.DATED_FILE),
    *_several("edge-{:02}.branch", range(1, 5), "branch"),
    Character("edge-05.branch", "branch", Story.ROTATION_OFF),
    Character("edge-06.branch", "branch", Story.SELF_SIGNED_ENDING),
    Character("edge-07.branch", "branch", Story.CRASH_LOOP),
    Character("edge-08.branch", "branch", Story.KUBELET_DOWN),
    Character("edge-09.branch", "branch", Story.UNREACHABLE),
    Character("edge-10.branch", "branch", Story.NOT_YET_VALID),
    Character("edge-11.branch", "branch", Story.DENIED),
    Character("edge-12.branch", "branch", Story.K3S),
    *_several("edge-{}.branch", range(13, 15), "branch", Story.CLONE),
)
