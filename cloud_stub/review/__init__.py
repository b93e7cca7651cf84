"""A tiny, declared share of what is kept goes to people, who never learn whose it is. Read `desk.Desk` first.

It serves nothing that was not drawn, that its owner does not allow today, or that was not searched for
what is
nobody's business; every hearing is a row of the vault's access ledger.
"""
