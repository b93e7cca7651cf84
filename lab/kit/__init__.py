"""The tester's kit: a speaker, a home around it, and a broker with faults, for tests in anybody's project.

Everything in it is real but the sound: the firmware, sockets, a broker, files. It never sleeps for time to
pass: time is counted in samples, and the test's own thread lets it pass. docs/for-testers.md shows it in use.
"""
