"""The promises about people as code: every control is a function from what the cloud wrote down to findings.

Read `audit.CONTROLS`, then `audit.audit`. Nothing here shows sound or words to anybody; a finding names ids.
"""
