"""Teaches the second ear: recordings become examples, examples a head. Needs the extra `[study]`.

What it learns from is audio of people: it reads recordings, keeps numbers, and writes heads, never sound.
"""
