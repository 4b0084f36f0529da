"""Two traces side by side.

The theory: calls are paired by what they are (`aligning`), a pair says in what it differs, `words` says it in
sentences, and `drawing` puts two diagrams into one, which every painter can paint.
"""

from __future__ import annotations

from socketserver_trace.comparison.aligning import Pair
from socketserver_trace.comparison.comparison import Comparison, compare

__all__ = ["Comparison", "Pair", "compare"]
