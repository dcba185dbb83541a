"""One visitor's page as data: what they gave and chose, what they may do, what is shown.
It knows no HTML.
"""
