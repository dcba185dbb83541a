"""What people see: the page, the command line, the HTTP API.
It reaches engines only through jobs and `inference.engines`.
"""
