"""Identity of visitors, and limits on their attempts to sign in.

Knows no page.
"""
