"""Files to arrays and back: pictures, faces, sound, video. No torch, no page."""
