"""Sentences with what is critical in them, read, made up, spoken and scored. For bench_critical."""
