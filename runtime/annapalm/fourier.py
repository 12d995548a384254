"""What all Fourier transforms here share."""

from __future__ import annotations


def fast_length(least: int) -> int:
    """Find the shortest length from `least` on that the FFT splits into factors of 2, 3 and 5."""
    length = least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
