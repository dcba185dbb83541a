"""Media in and out: uploads, and the files that a visitor may download.

Knows no session.
"""
