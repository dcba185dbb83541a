"""Jobs as folders: their states, the queue, the worker's process, what it learns about speed.
It knows engines only through `inference.engines`.
"""
