"""The one exception for bad input."""


class BadInput(Exception):
    """Something the user gave cannot be used. The message is one sentence: what, where, what is allowed.

    Command lines print it to stderr and exit with 2; it never comes with a traceback.
    """
