"""The live lab as a widget: a session (`live.session`) and the page (`static`), joined by the widget's messages.

A view that is drawn later, or again after the page was loaded anew, has missed what was sent before; it asks for
everything when it is ready. Where there is no kernel, or no JavaScript, a notebook shows the drawing and its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socketserver_trace.assets import javascript
from socketserver_trace.live.session import Session
from socketserver_trace.notebook.widget import CellWidget

if TYPE_CHECKING:
    from socketserver_trace.serving import Served


class Lab(CellWidget):
    """The live lab of a server. Made by `served.lab()`; the last line of a cell shows it."""

    _esm = javascript()

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.is_closed = False
        self._served = served
        self.session = Session(served, self.send)
        self.on_msg(self._hear)

    def _hear(self, _widget: object, content: object, _buffers: object) -> None:
        self.session.ask(content)

    def close(self) -> None:
        """Show it no more, and look no more. The server goes on."""
        self.session.let_go()
        self.session.finish()
        self.is_closed = True
        super().close()

    def __repr__(self) -> str:
        return f"<the live lab of {self._served!r}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The view, and what is shown in its place where there is none: the drawing and its text, as of now."""
        bundle = super()._repr_mimebundle_(**options)
        shown = self._served.trace._repr_mimebundle_()
        if isinstance(bundle, tuple):
            return ({**bundle[0], **shown}, bundle[1])
        return bundle and {**bundle, **shown}
