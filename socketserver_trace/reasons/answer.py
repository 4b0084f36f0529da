"""What an answer is: a verdict, the reasons for it, and the lines of source that decide; and how it is shown.

The law: plain values, and texts that are made of them alone. What they quote was made safe by whoever made the
sentence, and is escaped once more for HTML.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.paint.markup import escape
from socketserver_trace.reasons.rule import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.reasons.source import SourceLine


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a sentence or two, the lines that decide, and the name of the rule that found it.

    `connections` are those for which it holds, where the question was about several and it does not hold for all.
    """

    sentence: str
    lines: tuple[SourceLine, ...]
    rule: str
    connections: tuple[int, ...] = ()

    def __str__(self) -> str:
        if not self.connections:
            return self.sentence
        several = "Connections" if len(self.connections) > 1 else "Connection"
        return f"{several} {listed(map(str, self.connections))}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a hook ran, ran twice, or did not run.

    `hook` is the name that was asked for, `connection` the number or None, `times` how often it ran. `verdict` says
    that in a sentence, and `reasons` say why. `str()` has no numbers of lines: they differ between versions of Python.
    """

    hook: str
    connection: int | None
    times: int
    verdict: str
    reasons: tuple[Reason, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that answered, in order."""
        return tuple(reason.rule for reason in self.reasons)

    def text(self, *, numbers: bool = False) -> str:
        """The explanation as plain text, on request with the numbers of the lines of source."""
        told = [self.verdict]
        for reason in self.reasons:
            told.append(f"- {reason}")
            told += [f"      {line.shown(numbers=numbers)}" for line in reason.lines]
        return "\n".join(told)

    def __str__(self) -> str:
        return self.text()

    def html(self) -> str:
        """The explanation as HTML, ending in a newline."""
        items = "".join(f"<li>{escape(str(reason))}{_lines(reason)}</li>\n" for reason in self.reasons)
        return f"<p><strong>{escape(self.verdict)}</strong></p>\n<ul>\n{items}</ul>\n"

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """What a notebook shows."""
        return {"text/plain": self.text(), "text/html": self.html()}


def _lines(reason: Reason) -> str:
    shown = "\n".join(escape(line.shown()) for line in reason.lines)
    return f"\n<pre><code>{shown}</code></pre>" if shown else ""
