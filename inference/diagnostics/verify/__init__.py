"""Reference cases through the product's own code: what an operator runs on a new GPU first.

A case is a folder with a `case.json` (kind, sizes, options, where its inputs come from, tolerance)
and the numbers expected, which the original MultiTalk code computed with tiny networks.
"""
