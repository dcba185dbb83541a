"""Reference cases that run through the product's own code, for a first test of a new GPU.

A case is a folder with a `case.json` (kind, sizes, options, where its inputs come from, tolerance)
and the expected numbers, which the original MultiTalk code computed with tiny networks.
"""
