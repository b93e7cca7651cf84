"""The laboratory: whoever puts the speaker in a controlled world and checks it."""
