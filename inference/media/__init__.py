"""Files to arrays and back: pictures, faces, sound, video.
It knows neither torch nor jobs.
"""
