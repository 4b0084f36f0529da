"""The exercises of the course: solutions pass, unsolved ones do not, and each mistake is told what it is."""

from __future__ import annotations

import contextlib
import csv
import json
import socketserver
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import (
    NotAsExpected,
    ServerPaused,
    ServingEnded,
    Trace,
    WaitedInVain,
    check,
    predict,
    progress,
    serve,
)
from socketserver_trace.course.exercises import EXERCISES, QUESTIONS
from socketserver_trace.examples.lines import RefusedError
from socketserver_trace.examples.middleware import (
    AuthenticationMixIn,
    CachingMixIn,
    Chain,
    CompressionMixIn,
    digest_of,
)
from socketserver_trace.examples.primes import PrimesMixIn, QuestionHandler
from tests.samples import CALM, sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


PATIENCE = 2
"""How many seconds a client waits for a server whose loop has ended."""


@pytest.fixture(autouse=True)
def _progress_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is kept in a folder of the test."""
    monkeypatch.setenv("SOCKETSERVER_TRACE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


# --- What learners write ------------------------------------------------------------------------------------------


class Greeter(BaseRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        self.request.sendall(b"welcome")


def closing(verify: Callable[[Any], Any], handler: type[BaseRequestHandler] = Greeter) -> Any:
    """Four clients of a doorkeeper, who is asked `verify`."""

    class ClosingTime(TCPServer):
        guests = 0

        def verify_request(self, request: Any, _client_address: Any) -> Any:
            try:
                return verify(self)
            except AttributeError:
                request.close()  # which nobody else does, because the loop ends
                raise

    served = serve(ClosingTime, handler, timeout=CALM)
    with contextlib.suppress(ServingEnded, WaitedInVain), served:  # a lesson's cell shows these, and its check runs
        for name in ("alice", "bob", "carol", "dave"):
            with served.client(name, timeout=PATIENCE) as client:
                client.receive_all()
    return served


def counted(server: Any) -> int:
    """Count a guest."""
    server.guests += 1
    return int(server.guests)


class OnlyTwo(BaseRequestHandler):
    """Turns people away when it is too late for that."""

    def handle(self) -> None:
        if counted(self.server) <= 2:
            self.request.sendall(b"welcome")


def book(handle: Callable[[Any], Any]) -> Any:
    """Three guests of a handler."""

    class Inn(TCPServer):
        guests = 0

    class Book(BaseRequestHandler):
        number = 0

        def handle(self) -> None:
            handle(self)

    with serve(Inn, Book, timeout=CALM) as served:
        for name in ("alice", "bob", "carol"):
            with served.client(name) as client:
                client.receive_all()
    return served


def _from_nought(handler: Any) -> None:
    handler.request.sendall(b"welcome, guest %d" % handler.server.guests)
    handler.server.guests += 1


def _in_the_handler(handler: Any) -> None:
    handler.number += 1
    handler.request.sendall(b"welcome, guest %d" % handler.number)


def door(*asked: Any, **options: Any) -> Trace:
    """Alice and bob at a server that is paused somewhere."""

    class Echo(BaseRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(1024):
                self.request.sendall(data)

    served = serve(ThreadingTCPServer, Echo, timeout=CALM).start()
    try:
        served.breakpoints.add(*asked, **options)
        alice, _bob = served.client("alice"), served.client("bob")
        alice.send(b"hello")
        with contextlib.suppress(ServerPaused):
            alice.receive()
        return served.trace
    finally:
        served.stop()


USERS = {digest_of("a-key"): "alice", digest_of("b-key"): "bob"}


def asked(kind: type[Any], *clients: tuple[str, ...], **members: Any) -> Any:
    """A server that knows the primes, and clients of which each asks questions, one after the other."""
    made = type("Made", (kind, PrimesMixIn, ThreadingTCPServer), {"users": USERS, **members})
    with serve(made, QuestionHandler, timeout=CALM) as served:
        for questions in clients:
            with served.client() as client, contextlib.suppress(ConnectionError):
                for question in questions:
                    client.send(question.encode() + b"\n")
                    client.receive_line()
    return served


PACKED = '{"ask": "primes below 2000", "key": "a-key", "accept": "deflate"}'
PLAIN = '{"ask": "primes below 2000", "key": "b-key"}'
GUESS = '{"ask": "primes below 2000", "key": "a guess"}'


def in_order(*bases: type[Any]) -> Any:
    """The three clients of the exercise at a server with these duties."""
    return asked(type("Duties", bases, {}), (PACKED,), (PLAIN,), (GUESS,))


class Counting(Chain):
    """What most people write: answers that are counted, for each user."""

    most = 3
    sentence = "that was your third"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.count: dict[str, int] = {}
        super().__init__(*arguments, **options)

    def answer(self, question: Any) -> Any:
        self.count[question.user] = self.count.get(question.user, 0) + 1
        if self.count[question.user] > self.most:
            raise RefusedError(self.sentence)
        return super().answer(question)


def three_each(*bases: type[Any], **members: Any) -> Any:
    """Alice and bob ask four times each."""
    questions = [(f'{{"ask": "whoami", "key": "{key}"}}',) * 4 for key in ("a-key", "b-key")]
    return asked(type("Duties", bases, members), *questions)


class Generous(Chain):
    """Forgets to return."""

    def answer(self, question: Any) -> Any:
        super().answer(question)


class Upper(StreamRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


def silent(
    server: type[Any] = TCPServer, patience: float | None = None, handle: Any = Upper.handle, **members: Any
) -> Any:
    """Mallory says nothing, and bob does."""
    made = type("Made", (server,), members)
    handler = type("Guarded", (Upper,), {"timeout": patience, "handle": handle})
    with serve(made, handler, timeout=CALM) as served:
        with contextlib.suppress(WaitedInVain, ConnectionError):
            with served.client("mallory"), served.client("bob", timeout=PATIENCE / 2) as bob:
                bob.send(b"hello\n")
                bob.receive_line()
    return served


def long_line(handle: Callable[[Any], object]) -> Any:
    """Bob says a short line, carol one that is just short enough, and mallory a long one without an end."""
    made = type("Short", (StreamRequestHandler,), {"handle": handle})
    lines = {"bob": b"hello\n", "carol": b"y" * 99 + b"\n", "mallory": b"x" * 101}
    with serve(ThreadingTCPServer, made, timeout=CALM) as served:
        for name, said in lines.items():
            with served.client(name, timeout=PATIENCE / 4) as client:
                client.send(said)
                with contextlib.suppress(ConnectionError, WaitedInVain):
                    client.receive_all() if name == "mallory" else client.receive_line()
    return served


def _short(handler: Any, *, most: int = 100, then: str = "return", word: Any = b"too long\n") -> None:
    while line := handler.rfile.readline(101):
        if len(line) > most:
            handler.wfile.write(word)
            if then == "return":
                return
            if then == "continue":
                continue
        handler.wfile.write(line.upper())


def _say_too_long(handler: Any) -> None:
    line = handler.rfile.readline(101)
    handler.wfile.write(line.upper() if len(line) == 100 else b"too long\n")


def _let_go(_handler: Any) -> None:
    """Nobody is answered."""


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("01-closing-time", lambda: closing(lambda server: counted(server) <= 2)),
    ("01-closing-time", lambda: closing(lambda server: not counted(server) > 2)),
    ("01-guest-book", lambda: book(lambda h: h.request.sendall(b"welcome, guest %d" % counted(h.server)))),
    (
        "01-guest-book",
        lambda: book(lambda h: [h.request.sendall(part) for part in (b"welcome, guest ", b"%d" % counted(h.server))]),
    ),
    ("02-at-the-other-door", lambda: door("get_request", phase="return", connection=2)),
    ("10-put-it-right", lambda: in_order(AuthenticationMixIn, CompressionMixIn, CachingMixIn)),
    ("10-three-each", lambda: three_each(AuthenticationMixIn, Counting)),
    ("11-the-silent-one", lambda: silent(patience=0.2)),
    ("11-enough-is-enough", lambda: long_line(_short)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("01-closing-time", "everybody", lambda: closing(lambda _server: True), "Everybody was let in."),
    ("01-closing-time", "one too many", lambda: closing(lambda s: counted(s) <= 3), "your count is off by one"),
    ("01-closing-time", "too few", lambda: closing(lambda s: counted(s) < 2), "two may come in"),
    ("01-closing-time", "nobody", lambda: closing(lambda s: counted(s) > 2), "turned away already"),
    ("01-closing-time", "no answer", lambda: closing(lambda s: [counted(s)][1:].clear()), "None counts as false"),
    ("01-closing-time", "it fails", lambda: closing(lambda s: s.visitors), "raised an exception"),
    ("01-closing-time", "too late", lambda: closing(lambda _server: True, OnlyTwo), "a handler was made for it"),
    ("01-guest-book", "always the first", lambda: book(_in_the_handler), "Every guest is number 1."),
    ("01-guest-book", "from nought", lambda: book(_from_nought), "count first, and greet then"),
    ("01-guest-book", "text", lambda: book(lambda h: h.request.sendall("welcome, guest 1")), "bytes and not text"),
    ("01-guest-book", "it fails", lambda: book(lambda h: h.server.visitors), "raised an exception"),
    ("01-guest-book", "other words", lambda: book(lambda h: h.request.sendall(b"hello")), "The words differ"),
    ("02-at-the-other-door", "paused for everybody", lambda: door("verify_request"), "for alice already"),
    ("02-at-the-other-door", "too late", lambda: door("process_request", connection=2), "one step too far"),
    ("02-at-the-other-door", "not paused", lambda: door("get_request", phase="return", connection=7), "bob was served"),
    ("02-at-the-other-door", "too early", lambda: door("service_actions"), "was not taken yet"),
    (
        "10-put-it-right", "strangers are answered",
        lambda: in_order(CachingMixIn, AuthenticationMixIn, CompressionMixIn), "stands before the authentication",
    ),
    (
        "10-put-it-right", "bob cannot read it",
        lambda: in_order(AuthenticationMixIn, CachingMixIn, CompressionMixIn), "what was made for alice",
    ),
    (
        "10-put-it-right", "nothing is compressed",
        lambda: in_order(AuthenticationMixIn, CachingMixIn), "is CompressionMixIn still among the bases",
    ),
    ("10-three-each", "all together", lambda: three_each(Counting, AuthenticationMixIn), "behind the authentication"),
    (
        "10-three-each", "other words",
        lambda: three_each(AuthenticationMixIn, Counting, sentence="no more"), "in other words",
    ),
    ("10-three-each", "no limit", lambda: three_each(AuthenticationMixIn), "got a fourth answer"),
    ("10-three-each", "off by one", lambda: three_each(AuthenticationMixIn, Counting, most=2), "third one is still"),
    ("10-three-each", "it fails", lambda: three_each(AuthenticationMixIn, Generous), "must be returned"),
    ("11-the-silent-one", "waits", silent, "the server's only thread was in mallory's handle"),
    ("11-the-silent-one", "a thread each", lambda: silent(ThreadingTCPServer), "a thread of his own"),
    ("11-the-silent-one", "no time at all", lambda: silent(patience=0), "bob was lucky"),
    ("11-the-silent-one", "nobody is answered", lambda: silent(handle=_let_go), "does handle still read"),
    (
        "11-the-silent-one", "refused",
        lambda: silent(verify_request=lambda server, *_: vars(server).setdefault("first", []).append(1) or
                       len(server.first) > 1),
        "let him in",
    ),
    ("11-enough-is-enough", "waits for the end", lambda: long_line(Upper.handle), "waits for ever"),
    ("11-enough-is-enough", "goes on", lambda: long_line(lambda h: _short(h, then="")), "return, and it is over"),
    ("11-enough-is-enough", "stays", lambda: long_line(lambda h: _short(h, then="continue")), "went on to listen"),
    ("11-enough-is-enough", "off by one", lambda: long_line(lambda h: _short(h, most=99)), "which is allowed"),
    ("11-enough-is-enough", "it fails", lambda: long_line(lambda h: _short(h, word="too long")), "wfile takes bytes"),
    ("11-enough-is-enough", "everybody", lambda: long_line(_say_too_long), "bob's line is short"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "served"), SOLUTIONS)
def test_every_solution_passes_however_it_is_written(name: str, served: Callable[[], Any]) -> None:
    """The trace is judged and not the code; the report says what is so, and has no hint."""
    report = check(name, served())

    assert report, report
    assert report.text().splitlines()[0] == f"{EXERCISES[name].title}: solved."
    assert report.text().count("✓") == len(EXERCISES[name].points)
    assert "Hint" not in report.text()
    assert "<details>" not in report._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(("name", "mistake", "served", "said"), WRONG)
def test_every_typical_mistake_is_told_what_it_is(
    name: str, mistake: str, served: Callable[[], Any], said: str
) -> None:
    """It fails its check with a sentence of its own, and the first hint."""
    report = check(name, served())

    assert not report
    assert report.mistake is not None
    assert report.mistake.name == mistake
    assert said in report.text()
    assert "not yet." in report.text().splitlines()[0]
    assert "Hint 1 of 3: " in report.text()


def test_every_exercise_has_three_mistakes_at_least_and_a_ladder_of_hints() -> None:
    """And each mistake that is known of is one of those that are tried here."""
    tried = {(name, mistake) for name, mistake, _served, _said in WRONG}

    for name, exercise in EXERCISES.items():
        assert len({mistake for other, mistake in tried if other == name}) >= 3
        assert len(exercise.hints) == 3
        assert len(exercise.points) >= 2
        assert {name for name, _solution in SOLUTIONS} >= {name}


def test_a_report_shows_why_and_its_hints_one_inside_the_other() -> None:
    """`explain` says why, what the learner's code raised is said first, and nobody reads the last hint first."""
    fails = check("01-closing-time", closing(lambda server: server.visitors))
    report = check("01-closing-time", closing(lambda server: counted(server) > 2))
    shown = report._repr_mimebundle_()["text/html"]

    assert "Why? " in report.text()
    assert "verify_request" in report.why
    assert shown.count("<details>") == 3
    assert shown.index("Hint 1 of 3") < shown.index("Hint 2 of 3") < shown.index("Hint 3 of 3")
    assert [report.hint(number) for number in (1, 2, 3)] == list(EXERCISES["01-closing-time"].hints)
    assert repr(report) == report.text()
    assert "AttributeError" in fails.text()
    with pytest.raises(LookupError, match="01-closing-time has 3 hints"):
        report.hint(4)


def test_an_exercise_that_there_is_not_is_a_sentence() -> None:
    """With the nearest names, for exercises and for questions."""
    with pytest.raises(LookupError, match="there is no exercise '01-closing'; the nearest names are 01-closing-time"):
        check("01-closing", sample("one_request"))
    with pytest.raises(LookupError, match="there is no question '01'; the nearest names are 01-before-the-answer"):
        predict("01")
    with pytest.raises(ValueError, match="'listen' is not to choose from; there is "):
        predict("01-before-the-answer", answer=["listen"])


def test_nbgrader_counts_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it grades, what is not solved raises, and what is solved does not."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    trace = sample("one_request")

    with pytest.raises(NotAsExpected, match="Closing time: not yet"):
        check("01-closing-time", trace)
    with pytest.raises(NotAsExpected, match="Nothing was predicted"):
        predict("01-before-the-answer").against(trace)
    assert predict("01-before-the-answer", answer=QUESTIONS["01-before-the-answer"].hooks).against(trace)


# --- Predictions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (["get_request", "verify_request", "setup", "handle"], "Your prediction is what happened."),
        (["verify_request", "get_request"], "First came get_request, where you predicted verify_request."),
        (
            ["get_request", "verify_request", "handle", "setup"],
            "After verify_request came setup, where you predicted handle.",
        ),
        (["get_request", "verify_request"], "After verify_request came setup, where your prediction ends."),
        (
            ["get_request", "verify_request", "setup", "handle", "close_request"],
            "After handle nothing more came, and you predicted close_request.",
        ),
        ([], "Nothing was predicted: put the hooks in order first."),
    ],
)
def test_a_prediction_is_shown_where_it_left_the_trace(answer: list[str], sentence: str) -> None:
    """The sentence says what came, and what had been predicted in its place."""
    outcome = predict("01-before-the-answer", answer=answer).against(sample("one_request"))

    assert outcome.sentence() == sentence
    assert bool(outcome) == (sentence == "Your prediction is what happened.")
    assert repr(outcome).startswith(sentence)
    assert sentence in outcome._repr_mimebundle_()["text/html"]


def test_the_choices_are_shuffled_in_the_same_way_each_time() -> None:
    """Every run shows the same, and not the solution."""
    prediction = predict("01-before-the-answer")

    assert prediction.choices == predict("01-before-the-answer").choices
    assert set(prediction.choices) == {"get_request", "verify_request", "setup", "handle", "close_request"}
    assert prediction.choices[:4] != QUESTIONS["01-before-the-answer"].hooks
    assert prediction.answer == ()
    assert repr(prediction).endswith("no prediction yet")


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_of_a_question_is_that_of_a_real_server(name: str) -> None:
    """What the table says is what happens."""
    assert predict(name, answer=QUESTIONS[name].hooks).against(sample("one_request"))


# --- Progress -----------------------------------------------------------------------------------------------------


def test_progress_is_kept_and_exported(tmp_path: Path) -> None:
    """Tries are counted, what was solved stays solved, and a spreadsheet can read it."""
    check("01-closing-time", closing(lambda _server: True))
    check("01-closing-time", closing(lambda server: counted(server) <= 2))
    check("01-closing-time", closing(lambda _server: True))
    predict("01-before-the-answer", answer=["handle"]).against(sample("one_request"))
    progress().export(tmp_path / "progress.csv")
    with (tmp_path / "progress.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = str(progress())

    assert shown.splitlines()[0] == "1 of 8 solved"
    assert "✓ 01-closing-time: Closing time" in shown
    assert "… 01-before-the-answer" in shown
    assert "· 01-guest-book" in shown
    assert [(row["name"], row["tries"], row["solved"]) for row in rows[:2]] == [
        ("01-before-the-answer", "1", "no"),
        ("01-closing-time", "3", "yes"),
    ]
    assert "<table>" in progress()._repr_mimebundle_()["text/html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["progress.csv", "progress.json"]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"exercises": {"x": 1}}', '{"exercises": {"x": {"tries": "1"}}}'])
def test_a_file_that_is_something_else_costs_a_remark_and_nothing_more(tmp_path: Path, broken: str) -> None:
    """The check goes on, and what was in the file stays there."""
    path = tmp_path / "progress.json"
    path.write_text(broken, encoding="utf-8")
    report = check("01-closing-time", closing(lambda server: counted(server) <= 2))

    assert report
    assert "Your progress could not be kept in progress.json" in report.text()
    assert "could not be read" in str(progress())
    assert path.read_text(encoding="utf-8") == broken


def test_progress_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then nothing is written, and the table says so."""
    monkeypatch.setenv("SOCKETSERVER_TRACE_PROGRESS", "off")
    check("01-guest-book", sample("one_request"))

    assert list(tmp_path.iterdir()) == []
    assert str(progress()).endswith("Progress is not kept here.")


def test_without_a_word_progress_is_kept_where_the_lesson_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the folder in which the notebook runs."""
    monkeypatch.delenv("SOCKETSERVER_TRACE_PROGRESS")
    monkeypatch.chdir(tmp_path)
    check("01-guest-book", sample("one_request"))
    kept = json.loads((tmp_path / "socketserver_trace_progress.json").read_text(encoding="utf-8"))

    assert kept == {"version": 1, "exercises": {"01-guest-book": {"solved": False, "tries": 1}}}
    assert socketserver
