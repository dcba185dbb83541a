"""Window-by-window rendering of a video, and the part of it that can be played already.
It does not know how an engine draws a frame.
"""
