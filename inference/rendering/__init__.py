"""The loop that makes a video window by window, and the part of it that can be played already.
It does not know how an engine draws a frame.
"""
