"""The exercises and questions of lesson 02, The live lab."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, sends
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

AT_THE_OTHER_DOOR: Final = Exercise(
    "02-at-the-other-door",
    "At the other door",
    (
        Point("alice, who came first, has her answer.", in_connection(1, sends(b"hello"))),
        Point("bob's connection was taken.", in_connection(2, happens("get_request"))),
        Point("And nothing more was done for bob.", in_connection(2, never("verify_request"))),
    ),
    (
        Mistake(
            "paused for everybody",
            every(never("handler"), ~in_connection(2, happens("get_request"))),
            "The server was paused for alice already, so she has no answer: a breakpoint can be for one connection "
            "alone, connection=2.",
            "handler",
            1,
        ),
        Mistake(
            "too late",
            in_connection(2, every(happens("verify_request"), never("handler"))),
            "bob has come one step too far: verify_request comes after get_request.",
            "verify_request",
            2,
        ),
        Mistake(
            "not paused",
            in_connection(2, happens("handler")),
            "bob was served as well, so nobody was paused: is it the right connection, and the right phase? Before "
            "get_request has returned, a connection has no number.",
            "get_request",
            2,
        ),
        Mistake(
            "too early",
            every(in_connection(1, sends(b"hello")), ~in_connection(2, happens("get_request"))),
            "bob's connection was not taken yet: the pause must come when get_request has returned.",
        ),
    ),
    (
        'add() takes a phase: "enter" (before the step), "return" (after it) or "raise" (when it failed).',
        "It takes a connection as well, a number counted from 1. Which one is bob's?",
        'served.breakpoints.add("get_request", phase="return", connection=2)',
    ),
    "Before get_request has returned, a connection has no number yet: it gets one there. "
    'That is why "enter" won\'t do.',
)

EXERCISES: Final = (AT_THE_OTHER_DOOR,)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "02-bob-at-the-door",
        "What can bob do while the server is paused?",
        ("nothing", "connect", "connect and send", "connect and send and receive"),
    ),
)
