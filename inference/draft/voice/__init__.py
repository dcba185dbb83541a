"""Voice analysis: from sound to curves of mouth, brows and head.
This room knows no picture.
"""
