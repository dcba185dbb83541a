"""Named qualities, scenes, examples, models and GPUs: pure data.
They know nothing but the standard library.
"""
