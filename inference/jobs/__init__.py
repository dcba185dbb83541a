"""Jobs: folders with states, the queue and its turns, worker processes, measured speed.
`inference.jobs.resume` shows how a killed job goes on. Knows engines through `inference.engines`.
"""
