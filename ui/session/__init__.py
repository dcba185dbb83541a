"""State of one visitor's page as data: inputs, choices, allowed actions, and the page to show.

Knows no HTML.
"""
