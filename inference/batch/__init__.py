"""Items of a batch: rows of a CSV file, or pairs of files in a folder.

It starts no work.
"""
