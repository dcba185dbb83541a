"""Many videos at a time: rows of a CSV file, or pairs of files in a folder.
It starts nothing.
"""
