"""Window-by-window rendering of a video, the part of it that can be played already, and other files
made of it.
It does not know how an engine draws a frame.
"""
