"""Files on their way in and out: uploads, and what a visitor may download.
It knows no session.
"""
