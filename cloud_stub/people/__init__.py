"""Who may do what in the cloud's pages. The table is `roles.MAY`, and the one place that asks it is
`gate.Gate`.

Names and devices stand together in this folder's file alone: what is kept in the vault knows devices only.
"""
