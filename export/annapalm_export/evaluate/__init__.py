"""Score reconstructions: pictures, filaments, error maps, and localizations never seen.

The reference is always disjoint from the input: the noise-free rate of a simulation, or the later
frames of a real table. Beside every score of a model stands the best baseline.
"""
