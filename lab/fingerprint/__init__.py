"""Fingerprinting: how well a stranger on the network tells spoken commands apart without opening anything.

The attack is "I can hear your Alexa" (Kennedy et al., IEEE CNS 2019), turned round into a measure of what a
speaker leaks: on traces that were published, on anybody's own, and on ours. It never sees a payload.
"""
