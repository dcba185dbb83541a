"""The words and the arithmetic that all rooms share: requests, plans, tasks, events, errors.
It opens no media, loads no model and knows no engine.
"""
