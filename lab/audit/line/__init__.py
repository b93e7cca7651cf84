"""What left over the device's link, reconciled with its ledger: the connection opened with a key log, or its
records counted without one, and whatever belongs to no connection named. Read `checks` first.
"""
