"""Media in and out: uploads, files that a visitor may download, and the page's own files.

Knows no session.
"""
