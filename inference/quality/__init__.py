"""Quality checks of a video: measured window by window as it grows, judged in plain words.
This room knows files and numbers, not the engine behind them.
"""
