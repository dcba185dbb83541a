"""The command line and the operator's actions on Modal.
It loads the page only to serve it.
"""
