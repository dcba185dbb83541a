"""The draft engine's method: a picture warped to speech on the CPU."""
