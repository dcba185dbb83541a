"""Named qualities and examples: pure data on the standard library alone."""
