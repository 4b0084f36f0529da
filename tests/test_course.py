"""The exercises of the course: solutions pass, unsolved ones do not, and each mistake is told what it is."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import (
    NotAsExpected,
    check,
    predict,
    progress,
)
from socketserver_trace.course.exercise import Choice, Question
from socketserver_trace.course.exercises import EXERCISES, LESSONS, QUESTIONS
from socketserver_trace.course.guess import Guess
from tests.exercises.one_request import closing, counted
from tests.samples import sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _progress_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is kept in a folder of the test."""
    monkeypatch.setenv("SOCKETSERVER_TRACE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


BEFORE_THE_ANSWER = QUESTIONS["01-before-the-answer"]
assert isinstance(BEFORE_THE_ANSWER, Question)

MODULES = [import_module(f"tests.exercises.{lesson.__name__.rpartition('.')[2]}") for lesson in LESSONS]
SOLUTIONS = [case for module in MODULES for case in module.SOLUTIONS]
WRONG = [case for module in MODULES for case in module.WRONG]
ANSWERS = [case for module in MODULES for case in module.ANSWERS]


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
    assert predict("01-before-the-answer", answer=BEFORE_THE_ANSWER.hooks).against(trace)


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
    assert prediction.choices[:4] != BEFORE_THE_ANSWER.hooks
    assert prediction.answer == ()
    assert repr(prediction).endswith("no prediction yet")


@pytest.mark.parametrize(("name", "served"), ANSWERS)
def test_the_answer_of_a_question_is_that_of_a_real_server(name: str, served: Callable[[], Any]) -> None:
    """What the table says is what happens; of what is to choose from, one happens."""
    question, happened = QUESTIONS[name], served()
    answer = str(happened) if isinstance(question, Choice) else question.hooks
    outcome = predict(name, answer=answer).against(happened)

    assert outcome, outcome


def test_every_question_is_asked_of_a_real_server() -> None:
    """None of them is left out above."""
    assert sorted(name for name, _served in ANSWERS) == sorted(QUESTIONS)


# --- Guesses ------------------------------------------------------------------------------------------------------

ONE_OF_THREE = Choice("00-test", "What does bob receive?", ("nothing", "his answer", "alice's answer"))


def test_a_guess_is_held_against_what_happened() -> None:
    """True when it is the same; what happened is shown beside it either way."""
    right, wrong, none = Guess(ONE_OF_THREE, "nothing"), Guess(ONE_OF_THREE, "his answer"), Guess(ONE_OF_THREE)

    assert right.against("nothing")
    assert repr(right.against("nothing")).startswith("Your prediction is what happened.")
    assert not wrong.against("nothing")
    assert repr(wrong.against("nothing")).splitlines() == [
        "It happened otherwise.",
        "your prediction: his answer",
        "what happened:   nothing",
    ]
    assert repr(none.against("nothing")).startswith("Nothing was predicted: choose an answer first.")


def test_a_guess_says_what_there_is_to_choose_from() -> None:
    """As text, and in a notebook as buttons, of which none is pressed yet."""
    guess = Guess(ONE_OF_THREE)
    data = guess._repr_mimebundle_()
    buttons = guess._buttons

    assert repr(guess).splitlines() == [
        "What does bob receive?",
        "- nothing",
        "- his answer",
        "- alice's answer",
        "no prediction yet",
    ]
    assert data["text/plain"] == repr(guess)
    assert "application/vnd.jupyter.widget-view+json" in data
    assert guess.answer == ""
    buttons.value = "nothing"
    assert guess.answer == "nothing"
    assert guess._repr_mimebundle_()["text/plain"].endswith("your prediction: nothing")


def test_a_guess_is_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an exception where it is wrong, while nbgrader grades; and nothing that happened can be markup."""
    shown = Guess(ONE_OF_THREE, "nothing").against("<b>bold</b>")._repr_mimebundle_()["text/html"]
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")

    assert "&lt;b&gt;" in shown
    assert Guess(ONE_OF_THREE, "nothing").against("nothing")
    with pytest.raises(NotAsExpected, match="It happened otherwise"):
        Guess(ONE_OF_THREE, "nothing").against("his answer")


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

    assert shown.splitlines()[0] == f"1 of {len(EXERCISES) + len(QUESTIONS)} solved"
    assert shown.splitlines()[1] == "01  … Before the answer?   ✓ Closing time   · The guest book"
    assert [(row["name"], row["tries"], row["solved"]) for row in rows[:2]] == [
        ("01-before-the-answer", "1", "no"),
        ("01-closing-time", "3", "yes"),
    ]
    assert "✓ Closing time<br>" in progress()._repr_mimebundle_()["text/html"]
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
