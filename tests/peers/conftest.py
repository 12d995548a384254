"""Collected only where the other programs are: `make test-peers` installs them, 2 GB with Qt."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("locan") and find_spec("picasso") else ["test_readers.py"]
