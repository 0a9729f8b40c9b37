"""A share of the fleet: every node is in exactly one, by a hash of its name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """Of ``total`` shares the one with this ``index``, counted from 0. Raises ValueError where there is none such."""

    index: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if self.total < 1:
            raise ValueError("at least one shard is needed")
        if not 0 <= self.index < self.total:
            last = self.total - 1
            raise ValueError(
                f"of {self.total} shards the last one is {last}" if last else "there is one shard alone, 0"
            )

    @property
    def is_whole(self) -> bool:
        return self.total == 1

    def has(self, name: str) -> bool:
        """Whether the node of this name is in the share."""
        return self.is_whole or shard_of(name, self.total) == self.index


WHOLE_FLEET = Shard()


def shard_of(name: str, total: int) -> int:
    """The share that a node is in, of so many; the same on every machine and in every version.

    The bytes of the digest are others than the schedule's spread has, so that a shard's nodes have all of an interval.
    """
    return jump(int.from_bytes(hashlib.sha256(name.encode()).digest()[8:16], "big"), total)


def jump(key: int, buckets: int) -> int:
    """A bucket for a key of 64 bits: the jump consistent hash of Lamping and Veach (2014), in whole numbers.

    As N becomes N + 1, one key in N + 1 moves, and none but into the new bucket. A remainder of the hash would move
    all but one in N + 1.
    """
    bucket, nearer = -1, 0
    while nearer < buckets:
        bucket = nearer
        key = (key * 2862933555777941757 + 1) % 2**64
        nearer = (bucket + 1) * 2**31 // ((key >> 33) + 1)
    return bucket
