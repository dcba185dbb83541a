"""MultiTalk's method: from a picture, voices and a prompt to frames, window by window."""
