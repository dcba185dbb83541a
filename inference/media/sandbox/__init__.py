"""Decoding of untrusted files in child processes that are limited and shut in.
It knows no kind of file: what a child does is named by its caller.
"""
