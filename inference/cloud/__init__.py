"""The deployed app as the rest of the product sees it: what its parts are called, how a task gets
there and back, what happens in its containers, what is told on the way.

Both ends are here: `client` and `mark` run on a laptop or in the page's container, `station` in the
container that makes the video, with its `loader` and `watchdog`, where `environment` and `volumes`
can look around; `board`, `names` and `sweep` are what they share.
"""
