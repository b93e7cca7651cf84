"""The other end: what a cloud does with recordings, with one door to plaintext. Read `cloud.Cloud` first."""
