"""The one way in which the demonstration gives up."""


class DemoError(Exception):
    """It cannot go on; the text says why, in words for the person at the terminal."""
