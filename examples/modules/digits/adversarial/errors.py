"""The one way in which a function refuses its job."""


class JobError(Exception):
    """The job cannot be done; the text says why, in words for the person who started it."""
