"""Inputs of the networks: speaker masks, voice features, prompt features and frame sizes.
They know no sampling.
"""
