"""The exercises and the questions of the course, by their names, in the order of the lessons.

Each lesson has a module here, of the same name. The law: tables. What is right, what is wrong and what to say of it
stands there and nowhere else.
"""

from __future__ import annotations

from socketserver_trace.course.exercises import (
    a_chat,
    addresses,
    built_on_socketserver,
    by_hand,
    choosing,
    claims_under_test,
    datagrams,
    errors,
    extending,
    keeping_secrets,
    one_request,
    processes,
    programs_under_test,
    stopping,
    streams,
    the_doorkeeper,
    the_handler,
    the_live_lab,
    the_order_of_middleware,
    the_serving_loop,
    threads,
    under_attack,
    waiting_in_line,
    your_own_protocol,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from socketserver_trace.course.exercise import Choice, Exercise, Question

LESSONS: Final = (
    one_request,
    the_live_lab,
    by_hand,
    the_handler,
    streams,
    the_serving_loop,
    stopping,
    waiting_in_line,
    the_doorkeeper,
    threads,
    processes,
    choosing,
    datagrams,
    addresses,
    errors,
    a_chat,
    the_order_of_middleware,
    under_attack,
    keeping_secrets,
    extending,
    built_on_socketserver,
    your_own_protocol,
    claims_under_test,
    programs_under_test,
)

EXERCISES: Final[Mapping[str, Exercise]] = {one.name: one for lesson in LESSONS for one in lesson.EXERCISES}
QUESTIONS: Final[Mapping[str, Choice | Question]] = {one.name: one for lesson in LESSONS for one in lesson.QUESTIONS}
