"""`manage.py doctor`: looks at everything that a system needs, and says what to do about the rest.

It changes nothing, and a part that is broken never keeps it from looking at the others.
"""
