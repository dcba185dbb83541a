"""Draft engine: a picture warped to speech on the CPU.
This room knows neither torch nor the MultiTalk engine.
"""
