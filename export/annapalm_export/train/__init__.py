"""Training: the network, its losses, its data, and the loop."""
