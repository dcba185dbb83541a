"""What goes wrong with weights, in one sentence each."""


class WeightsError(Exception):
    """The weights can't be fetched, laid out, read or trusted; the message says why, and what to
    do."""
