"""The deployed app on Modal from both ends: a remote job, and the container that runs it.
It knows no page and imports neither modal nor an engine at load.
"""
