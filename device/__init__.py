"""The firmware of the speaker. Read `speaker.Speaker` first: it is the main loop."""
