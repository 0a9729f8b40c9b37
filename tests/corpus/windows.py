"""Positions in the rotation window, and what excuses a certificate that is past it."""

from __future__ import annotations

from dataclasses import replace

from exporter.demo.proc import DAY
from tests.corpus.kubeadm import worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import HOUR, Tree

MINUTE = 60


@scenario
def window_0_69(tree: Tree) -> None:
    """Just before the window."""
    worker(tree, share=0.69)


@scenario
def window_0_70(tree: Tree) -> None:
    """The window's first second."""
    worker(tree, share=0.70)


@scenario
def window_0_845(tree: Tree) -> None:
    """Well into the window, with nothing wrong: where k/k#138763 cried wolf."""
    worker(tree, share=0.845)


@scenario
def window_0_899(tree: Tree) -> None:
    """Three quarters of an hour before the window closes."""
    worker(tree, share=0.899)


@scenario
def window_0_90(tree: Tree) -> None:
    """The window's end: late, within the grace of a signature that takes its time."""
    worker(tree, share=0.90)
    tree.real = False


@scenario
def window_0_999(tree: Tree) -> None:
    """Three days past the window; the kubelet has run all the time and left no trace of an attempt."""
    worker(tree, share=0.999)
    tree.real = False


@scenario
def started_five_minutes_ago(tree: Tree) -> None:
    """Past the window, but this kubelet has only just started: it asks at once, and that may take a quarter hour."""
    worker(tree, share=0.95)
    tree.kubelet_age = 5 * MINUTE


@scenario
def started_an_hour_ago(tree: Tree) -> None:
    """The neighbour: it has had time enough."""
    worker(tree, share=0.95)
    tree.kubelet_age = HOUR
    tree.real = False


@scenario
def slept_as_long_as_it_is_late(tree: Tree) -> None:
    """7: ten minutes past the grace, and the machine slept for a day since this kubelet started."""
    worker(tree, share=0.902)
    tree.machine = replace(tree.machine, slept=DAY)
    tree.real = False


@scenario
def slept_less_than_it_is_late(tree: Tree) -> None:
    """7: the machine slept for a day, and the certificate is a day and a half past its window."""
    worker(tree, share=0.95)
    tree.machine = replace(tree.machine, slept=DAY)
    tree.real = False


@scenario
def kubelet_down(tree: Tree) -> None:
    """5: no process; the flags are those of the last visit."""
    worker(tree)
    tree.earlier.flags = dict(tree.flags)
    tree.kubelet_age = None


@scenario
def kubelet_down_past_the_window(tree: Tree) -> None:
    """5: nobody is there to rotate; being down is a cause and no excuse."""
    worker(tree, share=0.95)
    tree.earlier.flags = dict(tree.flags)
    tree.kubelet_age = None


@scenario
def kubelet_down_flags_unknown(tree: Tree) -> None:
    """No process, and no earlier visit that saw one: what it would be started with is not known."""
    worker(tree)
    tree.kubelet_age = None


@scenario
def crash_loop(tree: Tree) -> None:
    """5: another start at each of the last visits; such starts excuse nothing."""
    worker(tree, share=0.95)
    tree.kubelet_age = 2 * MINUTE
    tree.earlier.starts = (65 * MINUTE, 45 * MINUTE, 25 * MINUTE)
    tree.real = False


@scenario
def restarted_once(tree: Tree) -> None:
    """The neighbour: one start at each of the last visits but this one."""
    worker(tree, share=0.95)
    tree.kubelet_age = 2 * MINUTE
    tree.earlier.starts = (5 * DAY, 5 * DAY, 5 * DAY)
    tree.real = False


@scenario
def clock_ahead(tree: Tree) -> None:
    """41: the node's clock is ten minutes ahead of the reader's."""
    worker(tree)
    tree.clock = 600.0


@scenario
def clock_behind(tree: Tree) -> None:
    """41: the node's clock is ten minutes behind."""
    worker(tree)
    tree.clock = -600.0


@scenario
def clock_a_second_off(tree: Tree) -> None:
    """The neighbour: every clock is a little off."""
    worker(tree)
    tree.clock = 1.0
