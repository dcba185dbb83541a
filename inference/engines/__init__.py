"""Adapters that run a task: draft, MultiTalk on this machine, MultiTalk on Modal.
`select` finds them by name; each imports its engine only when it is used.
"""
