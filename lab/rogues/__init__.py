"""ROGUES: firmware that breaks one promise each, on purpose, so that the audit itself is tested.

A rogue runs in the laboratory alone, against the laboratory's own cloud: there is no command line, setting or
package of the firmware that could start one.
"""
