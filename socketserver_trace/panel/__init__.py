"""The clients of the live lab: each moved by a thread of its own, by orders that come from a page."""

from socketserver_trace.panel.panel import Panel

__all__ = ["Panel"]
