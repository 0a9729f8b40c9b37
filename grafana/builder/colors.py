"""What colours mean, the same on every dashboard, always beside a word or a number.

To be in the rotation window is normal: blue, not yellow. Late is orange, stalled a darker orange, expired red. Grey is
what nobody rotates or nobody can say. The lightness falls from late to expired, so that the order shows without hues.
"""

from __future__ import annotations

from grafana.builder.fields import Step, thresholds, words
from grafana.builder.panels import Json

GOOD = "semi-dark-green"
NORMAL = "blue"
LATE = "orange"
STALLED = "dark-orange"
EXPIRED = "semi-dark-red"
ODD = "semi-dark-purple"
UNMANAGED = "#98a0ad"
UNKNOWN = "#6e7686"
CRITICAL = "semi-dark-red"
UNSAFE = "red"
WARNING = "#b07d00"  # a yellow that white letters can stand on, in both themes
CALM = "semi-dark-green"  # a number that should be nought, and is

STATES = {
    "fresh": GOOD,
    "window": NORMAL,
    "late": LATE,
    "stalled": STALLED,
    "expired": EXPIRED,
    "not_yet_valid": ODD,
    "unmanaged": UNMANAGED,
    "unknown": UNKNOWN,
}
SEVERITIES = {"critical": CRITICAL, "warning": WARNING, "info": NORMAL}

_LEAST = -(10**10)


def graded(least: str, *steps: Step) -> Json:
    """Thresholds from ``least`` on, and grey where there is no value: Grafana takes the first colour for that."""
    return thresholds((None, UNKNOWN), (_LEAST, least), *steps)


LIFETIME = thresholds((None, GOOD), (0.7, NORMAL), (0.9, LATE), (1, EXPIRED))  # of a share of the lifetime
SEVERITY_WORDS = words({severity: (severity, color) for severity, color in SEVERITIES.items()})
STATE_WORDS = words({state: (state.replace("_", " "), color) for state, color in STATES.items()})
# States as numbers, so that the worst of a node's certificates (and of two exporters' words) is their maximum.
STATE_NUMBERS = {
    state: place
    for place, state in enumerate(
        ("unknown", "unmanaged", "fresh", "window", "late", "not_yet_valid", "stalled", "expired"), start=1
    )
}
STATE_NUMBER_WORDS = words(
    {str(number): (state.replace("_", " "), STATES[state]) for state, number in STATE_NUMBERS.items()}
)
YES_NO = words({"1": ("yes", GOOD), "0": ("no", EXPIRED), "null": ("not known", UNKNOWN)})
