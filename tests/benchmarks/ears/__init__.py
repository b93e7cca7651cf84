"""The parts of bench_ears: clips and mixes, the programs that listen, the arithmetic, the tables.

Every engine listens in a process of its own (`hear_*.py`): two TFLite libraries in one process abort it.
"""
