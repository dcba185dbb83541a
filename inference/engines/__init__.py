"""Adapters that carry out a task: draft, MultiTalk here, MultiTalk on Modal.
They are found by name in `select`, and import their engine only when they are used.
"""
