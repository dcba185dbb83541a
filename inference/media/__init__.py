"""Decoding, cleaning and encoding of files: pictures, faces, sound and video.
It knows neither torch nor jobs.
"""
