"""What a finished video is like: measured window by window as it grows, judged in plain words.

`measure` looks at the pictures, with `pixels` and `following` as its eyes; `sound` listens; `judge`
is arithmetic on what they found; `report_of` does it all for a job or for any mp4.
"""
