"""Many videos at a time, and one page that shows them all.
It knows neither typer nor the commands.
"""
