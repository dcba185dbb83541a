"""What a finished video is like: measured window by window as it grows, judged in plain words.
It knows files and numbers, not the engine that made them.
"""
