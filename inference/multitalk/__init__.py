"""The MultiTalk engine: from a picture, voices and a prompt to frames, window by window.
It knows neither the draft engine nor the origin of a job.
"""
