"""What is nobody's business in what was said, found and hidden before a person hears it. Read
`guard.guard` first.

Pure, and deaf to context that a person would have: what it does not know how to place, it hides.
"""
