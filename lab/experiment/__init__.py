"""The misactivation experiment of PETS 2020, with the evidence attached: a corpus without the wake word is
played to the speaker alone with one captured cable, and every session is audited.

Read `run` first. `scripts/experiment` is its command; docs/experiment.md says what its numbers mean.
"""
