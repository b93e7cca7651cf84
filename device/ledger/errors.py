"""What can be wrong with a ledger, by what the caller can do about it. No message carries a key."""


class LedgerError(ValueError):
    """Anything that makes a ledger, or a claim about one, unfit to be believed."""

    exit_code = 6


class ProofError(LedgerError):
    """A proof does not show what it claims: keep the last head that was proved, do not sign the new one."""


class RowError(LedgerError):
    """No ledger has such a row: this one was altered, or whoever made the row is wrong."""


class NoteError(LedgerError):
    """A signed note, its checkpoint or a verifier key does not hold: leave the text unread."""

    exit_code = 5
