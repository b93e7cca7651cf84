"""What the traffic of any speaker tells, ours or another's: when it uploaded speech. Nothing is decrypted."""
