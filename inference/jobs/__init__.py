"""Jobs: folders with states, the queue and its turns, worker processes, measured speed.
`inference.jobs.resume` tells how a killed job is resumed. Engines come from `inference.engines`.
"""
