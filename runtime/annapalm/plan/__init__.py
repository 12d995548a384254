"""How few frames are enough: planned from one dense acquisition of the user's own sample."""
