"""The pages: the owner's history, the listener's console, the officer's cases, the auditor's ledgers.
Read `app.make_app`.

Nothing is answered that `people.gate` did not allow, and nothing that changes anything without the token
of its form.
"""
