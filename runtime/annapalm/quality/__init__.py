"""How good an image is where no truth is known: judged by localizations it was not made from.

Free of numpy, so that a command line can show its defaults without loading it.
"""

GAP_FRAMES = 50
"""Frames left out between input and held-out frames: several times the length of a burst of one
fluorophore (a few frames), so that no burst is on both sides of the cut."""
