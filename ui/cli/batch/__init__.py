"""Batches of videos, and the contact sheet that shows them.

Knows neither typer nor the commands.
"""
