"""The MultiTalk engine: a picture, voices and a prompt to frames, window by window.
It knows neither the draft engine nor where a job came from.
"""
