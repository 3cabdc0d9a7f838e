"""Why the platform does not start. The message is all that a person sees."""


class CannotStart(Exception):
    """Something on this machine has to change first; the message says what."""
