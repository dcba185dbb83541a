"""The server: the page in Gradio, its security headers, password and theme.
It draws nothing itself; see `ui.views`.
"""
