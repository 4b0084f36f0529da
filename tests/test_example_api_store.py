"""The library of the three APIs: what it keeps, what it refuses, and what two who write at once do to each other."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace.examples import api_store
from socketserver_trace.examples.api_store import (
    BOOKS,
    PAGE,
    ConflictError,
    FullError,
    InvalidError,
    MissingError,
    Store,
    StoreError,
    read_json,
)
from tests.examples import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMMA: dict[str, Any] = {"title": "Emma", "authors": ["Jane Austen"], "year": 1815}

HOSTILE = "'); DROP TABLE books; --"


@pytest.fixture
def store() -> Iterator[Store]:
    """A library in memory."""
    store = Store()
    yield store
    store.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a library may be."""
    return tmp_path / "books.sqlite"


def numbers(store: Store, limit: int = 20) -> list[int]:
    """The numbers of all books, page by page."""
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        books, after = store.page(after, limit)
        assert len(books) <= limit
        found += [book.number for book in books]
    return found


def test_a_book_is_added_changed_and_taken_away(store: Store) -> None:
    """Each change counts; a number is not given twice."""
    assert store.add(**EMMA).told() == {"number": 1, "version": 1, **EMMA}
    changed = store.replace(1, 1, "Émma", ["Jane Austen", "Anybody"], 1816)
    assert (changed.version, store.get(1)) == (2, changed)
    store.remove(1, 2)
    with pytest.raises(MissingError):
        store.get(1)
    assert store.add(**EMMA).number == 2


def test_who_has_seen_an_old_version_changes_nothing(store: Store) -> None:
    """Neither by a change nor by taking it away; and where there is no book, that is what is said."""
    store.add(**EMMA)
    store.replace(1, 1, "Emma II", ["Jane Austen"], 1816)
    for version in (1, 3):
        with pytest.raises(ConflictError, match="its version is 2"):
            store.replace(1, version, **EMMA)
        with pytest.raises(ConflictError):
            store.remove(1, version)
    with pytest.raises(MissingError):
        store.replace(2, 1, **EMMA)
    with pytest.raises(MissingError):
        store.remove(2, 1)
    assert store.get(1).title == "Emma II"


def test_of_two_hundred_who_have_seen_the_same_one_wins(store: Store) -> None:
    """The others are told, and try again until all have counted."""
    store.add("0", ["counter"], 0)

    def act(_number: int) -> None:
        while True:
            seen = store.get(1)
            try:
                store.replace(1, seen.version, str(int(seen.title) + 1), seen.authors, seen.year)
            except ConflictError:
                continue
            return

    at_once(200, act)
    assert (store.get(1).title, store.get(1).version) == ("200", 201)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, PAGE])
def test_pages_tell_every_book_once(store: Store, limit: int) -> None:
    """Also when books come and go between two pages: nothing that stays is told twice or left out."""
    for _ in range(7):
        store.add(**EMMA)
    assert numbers(store, limit) == [1, 2, 3, 4, 5, 6, 7]
    books, after = store.page(0, 3)
    store.remove(1, 1)
    store.remove(5, 1)
    store.add(**EMMA)
    assert [book.number for book in books] == [1, 2, 3]
    assert [book.number for book in store.page(after, 10)[0]] == [4, 6, 7, 8]
    assert store.page(8) == ([], None)


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""}, {"title": " "}, {"title": "x" * 201}, {"title": "a\nb"}, {"title": "\x00"}, {"title": "\ud800"},
        {"title": 1}, {"title": None}, {"title": ["a"]}, {"title": b"a"}, {"authors": []}, {"authors": "Jane"},
        {"authors": ["x"] * 21}, {"authors": [1]}, {"authors": [""]}, {"authors": [["Jane"]]}, {"authors": {"a": 1}},
        {"year": -1}, {"year": 10_000}, {"year": "1815"}, {"year": 1815.0}, {"year": True}, {"year": None},
        {"year": 2**200},
    ],
)  # fmt: skip
def test_what_is_no_book_is_refused(store: Store, change: dict[str, Any]) -> None:
    """To be added, and to be what another one becomes."""
    store.add(**EMMA)
    with pytest.raises(InvalidError):
        store.add(**{**EMMA, **change})
    with pytest.raises(InvalidError):
        store.replace(1, 1, **{**EMMA, **change})
    assert store.page()[0] == [store.get(1)]


@pytest.mark.parametrize("value", [0, -1, 2**64, 2**200, "1", 1.0, True, None, HOSTILE, [], {}])
def test_what_is_no_number_is_refused(store: Store, value: object) -> None:
    """As a number, as a version, as the size of a page."""
    for ask in (
        store.get,
        lambda it: store.remove(it, 1),
        lambda it: store.remove(1, it),
        lambda it: store.page(0, it),
    ):
        with pytest.raises(InvalidError):
            ask(value)


def test_a_value_is_never_sql(store: Store) -> None:
    """It comes back as it was."""
    book = store.add(HOSTILE, [HOSTILE, '"', "\\", "żółw \U0001f422"], 0)
    assert store.get(book.number) == book
    assert book.authors == [HOSTILE, '"', "\\", "żółw \U0001f422"]
    assert numbers(store) == [1]


def test_the_library_can_be_full(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a book goes."""
    monkeypatch.setattr(api_store, "BOOKS", 2)
    store.add(**EMMA)
    store.add(**EMMA)
    with pytest.raises(FullError):
        store.add(**EMMA)
    store.remove(1, 1)
    assert store.add(**EMMA).number == 3
    assert BOOKS == 10_000


def test_it_is_all_there_after_a_restart(file: Path) -> None:
    """With the versions, and with the numbers that were given; and two hundred who add at once lose nothing."""
    store = Store(file)
    at_once(200, lambda number: store.add(f"Book {number}", ["x"], number))
    store.replace(200, 1, **EMMA)
    store.remove(7, 1)
    store.close()
    again = Store(file)
    assert numbers(again, 50) == [number for number in range(1, 201) if number != 7]
    assert (again.get(200).version, again.get(200).title) == (2, "Emma")
    assert again.add(**EMMA).number == 201
    again.close()
    assert [one.name for one in file.parent.iterdir()] == [file.name]


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs sqlite3")
def test_another_program_reads_while_it_is_open(file: Path) -> None:
    """And what it reads is what was answered."""
    store = Store(file)
    store.add(**EMMA)
    command = ["sqlite3", str(file), "SELECT title, year FROM books; PRAGMA journal_mode"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    store.close()
    assert shown.stdout.split() == ["Emma|1815", "wal"]


def test_a_reader_does_not_stop_a_writer_and_another_writer_is_told(file: Path) -> None:
    """Of two programs that write, one waits, and says so when it was in vain."""
    store = Store(file, patience=0.01)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM books").fetchall()
    store.add(**EMMA)
    other.execute("COMMIT")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked") as caught:
        store.add(**EMMA)
    assert (caught.type, caught.value.code) == (StoreError, "unavailable")
    assert numbers(store) == [1]
    other.execute("COMMIT")
    other.close()
    assert store.add(**EMMA).number == 2
    store.close()


def test_what_is_closed_is_unavailable() -> None:
    """Closing twice is harmless."""
    store = Store()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.page()


def test_a_file_that_is_no_library_is_one_sentence(file: Path) -> None:
    """And nothing is written into it."""
    for text in ("no database at all, but a text of some length" * 100, ""):
        file.write_text(text)
        if text:
            with pytest.raises(ValueError, match="cannot be used as a library"):
                Store(file)
            assert file.read_text() == text
    with pytest.raises(ValueError, match="unable to open"):
        Store(file / "below")
    other = sqlite3.connect(file)
    other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(ValueError, match="another version of this program"):
        Store(file)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON"), (b"{", "no JSON"), (b"{} {}", "no JSON"), (b"{'a': 1}", "no JSON"), (b"\xff", "no UTF-8"),
        ("{}".encode("utf-16"), "no UTF-8"), (b"\xef\xbb\xbf{}", "BOM"), (b"NaN", "no NaN"),
        (b"[-Infinity]", "no -Infinity"), (b"1e999", "too large"), (b"9" * 60_000, "too large"),
        (b"-" + b"9" * 17, "too large"), (b'{"a": 1, "a": 2}', "twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "twice"),
        (b"[" * 60_000, "brackets"), (b'{"a":' * 12_000, "brackets"),
    ],
)  # fmt: skip
def test_what_is_no_strict_json_is_refused(text: bytes, why: str) -> None:
    """In a sentence."""
    with pytest.raises(InvalidError, match=why):
        read_json(text)


def test_strict_json_is_json() -> None:
    """With all that it has."""
    assert read_json('{"a": [1, -2.5e3, true, false, null, "ż\\ud83d\\udc22"]}'.encode()) == {
        "a": [1, -2500.0, True, False, None, "ż\U0001f422"]
    }


ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=10) | some.binary(max_size=3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(some.lists(ANYTHING, min_size=5, max_size=5), some.sampled_from(["add", "get", "page", "replace", "remove"]))
def test_whatever_is_asked_for_is_done_or_refused(values: list[Any], name: str) -> None:
    """There is no other error, and the next book is added."""
    store = Store()
    count = {"add": 3, "get": 1, "page": 2, "replace": 5, "remove": 2}[name]
    with suppress(StoreError):
        getattr(store, name)(*values[:count])
    assert store.get(store.add(**EMMA).number).title == "Emma"
    store.close()
