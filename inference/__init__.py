"""From a request to a finished video, room by room: each uses only those before it in
`tests/test_imports.py`. It knows no page and no command line.
"""
