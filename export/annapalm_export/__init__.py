"""Simulate, train, export, evaluate and release models for annapalm. Needs the extra `export`."""
