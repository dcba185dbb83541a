"""The jobs over HTTP, for programs that have a token.
It knows no page.
"""
