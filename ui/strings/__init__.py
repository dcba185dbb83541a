"""Sentences of the product: for the page, the browser's scripts and the terminal.

Know no page element.
"""
