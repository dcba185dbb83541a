"""From sound to the curves that a mouth follows.
It knows no picture.
"""
