"""What a finished video says of its own making: XMP, and content credentials (C2PA) signed here.
It does not know jobs, and loads the libraries of signing late.
"""
