"""The draft engine: a picture warped to speech on the CPU.
It knows neither torch nor the MultiTalk engine.
"""
