"""What the networks are told: masks of the speakers, features of the voices, tokens of the prompt.
It knows no sampling.
"""
