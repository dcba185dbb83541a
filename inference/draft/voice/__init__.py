"""Voice analysis: from sound to mouth curves.
This room knows no picture.
"""
