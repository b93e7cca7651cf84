"""ROGUES: firmware and clouds that break a promise, each as the world has seen it, so that the audit is seen
to find it. None runs but caged: in the laboratory, against its own cloud.

Read `rogue`, then `every`.
"""
