"""Errors for people: the message is a sentence that says what happened and what to do, and there is no more to say.

In a notebook such an error shows its sentence and no traceback, because the lines of this package are not what a reader
has to look for. Everywhere else it is an exception like any other, and of the type that one expects.

The law: this module imports nothing.
"""

from __future__ import annotations


class Sentence:
    """What exceptions have in common whose message says everything."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it; IPython asks for this method by its name."""
        return [f"{type(self).__name__}: {self}"]


# ruff: noqa: N818 - their names are sentences, too


class WaitedInVain(Sentence, TimeoutError):
    """A client waited until its deadline. The message says for what."""


class NobodyListens(Sentence, ConnectionRefusedError):
    """A client could not connect. The message says why."""


class ClientClosed(Sentence, ValueError):
    """A client was used after it was closed."""


class GivenUp(Sentence, OSError):
    """A wait of a client was called off. The message says why."""


class NotBytes(Sentence, TypeError):
    """Something was to be sent that is not bytes."""


class StreamEnded(Sentence, EOFError):
    """A stream ended before enough had come."""


class NotAsExpected(Sentence, AssertionError):
    """A trace is not as it was expected to be. The message says what there is instead; `verdict` is what was found."""

    def __init__(self, message: str, verdict: object = None) -> None:
        super().__init__(message)
        self.verdict = verdict


class StillWaiting(Sentence, RuntimeError):
    """A server did not stop within its deadline. The message says what it still waited for."""


class WouldWaitForever(Sentence, RuntimeError):
    """A call was about to wait for something that cannot come any more. The message says for what, and why not."""


class ServingEnded(Sentence, RuntimeError):
    """The serving loop was ended by an exception, before anybody stopped it. Its cause is that exception."""


class ServerPaused(Sentence, RuntimeError):
    """The program's main thread was about to wait for a server of which a thread is paused, and only it can step."""


class CannotPause(Sentence, ValueError):
    """A breakpoint was asked for at which nobody could ever be paused. The message says why, and what to do."""


class NoSuchHook(Sentence, LookupError):
    """A breakpoint was asked for in a hook that the server does not have. The message has the nearest names."""


class AlreadyStarted(Sentence, RuntimeError):
    """A server was started a second time."""


class NoLab(Sentence, ModuleNotFoundError):
    """The live lab needs a package that is not there. The message says which, and how to get it."""
