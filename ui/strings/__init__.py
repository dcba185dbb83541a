"""Every sentence of the product, for the page, the browser's scripts and the terminal.
It knows no page element.
"""
