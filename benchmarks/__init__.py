"""Benchmarks: what tracing costs, side by side with the usual ways to see the same, in one run."""
