"""Named qualities, scenes, examples, models, frame sizes and GPUs: pure data.
They know nothing but the standard library.
"""
