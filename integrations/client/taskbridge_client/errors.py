"""What can go wrong with a call."""

from __future__ import unicode_literals


class Refused(Exception):
    """The bridge cannot be used as it is called: its address, the token or its certificate."""


class Unreachable(Exception):
    """The bridge has been away for longer than the patience."""


class NotAccepted(Exception):
    """This picture cannot be sent, or not to this bridge; `code` is as in results."""

    def __init__(self, code, message):
        Exception.__init__(self, message)
        self.code = code


class LostTask(Exception):
    """The bridge does not know the task (any more)."""


def describe(err):
    """The text of any error; `str` fails in Jython for letters beyond ASCII."""
    return "%s" % (err,) or type(err).__name__
