"""Web server: the page in Gradio, its security headers, password and theme.

Renders nothing itself; see `ui.views`.
"""
