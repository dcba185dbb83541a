"""User interfaces: the page, the command line and the HTTP API.

They reach engines only through jobs and `inference.engines`.
"""
