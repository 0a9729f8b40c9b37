"""The same visits through one bastion: what the way costs us, and what it costs OpenSSH with a shared connection."""

from __future__ import annotations

from bench.measure import Row, alternated
from bench.race import contenders
from bench.ssh import NODES, OURS, ROUNDS
from bench.sshds import site, through_bastion

IN_FLIGHT = 32
REACH = 1.5  # of our own figure without a bastion
THROUGH, SHARED = "engine through the bastion", "ssh-master"


def rows(*, small: bool = False) -> list[Row]:
    """CPU a visit through a bastion, ours against our own without, and against OpenSSH's with ControlMaster."""
    nodes, rounds = (60, 1) if small else (NODES, ROUNDS)
    with site(nodes) as where:
        behind = through_bastion(where)
        racing = contenders([OURS], where, IN_FLIGHT)
        racing[THROUGH] = contenders([OURS], behind, IN_FLIGHT)[OURS]
        racing |= contenders([SHARED], behind, IN_FLIGHT)
        costs = alternated(racing, rounds)
    directly = f"a visit through one bastion, {IN_FLIGHT} in flight, against our own without"
    shared = f"a visit through one bastion, {IN_FLIGHT} in flight, against `ssh` with ControlMaster on it"
    if not {OURS, THROUGH} <= costs.keys():
        return [Row.failed(directly, "not every node gave us its answer", REACH)]
    found = [Row.compared(directly, costs[THROUGH], costs[OURS], reach=REACH)]
    if SHARED in costs:
        return [*found, Row.compared(shared, costs[THROUGH], costs[SHARED])]
    return [*found, Row.not_measured(shared, "no OpenSSH, or not every node gave it its answer")]
