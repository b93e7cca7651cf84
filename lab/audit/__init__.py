"""The audit: from the artefacts of a run to a verdict on every promise, without trusting the firmware.

Of the firmware it imports the readers of the envelope and of the ledger, and nothing else. It only reads;
what it can't show it calls not provable, and says what would be needed. Read `verdicts`, then `checks`.
"""
