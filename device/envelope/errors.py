"""What can go wrong with an envelope. Nothing here will ever say which secret check failed."""


class EnvelopeError(ValueError):
    """Whatever does not open: one class, so that the caller cannot answer differently to different attacks.

    Also raised for a value that no reader would accept, before it is sealed.
    """

    exit_code = 5


class SealOrderError(EnvelopeError, RuntimeError):
    """Sealed out of order: a segment after the last one, or an end before it. A mistake in our own code."""
