"""The books of a small library, in SQLite: what the three APIs serve (`api_http`, `api_frames`, `api_xmlrpc`).

A book has a number, a title, one author or more, a year, and a version, which counts its changes. Whoever changes it or
takes it away says which version was seen, and is refused when there is a newer one: so two who write at the same time
cannot overwrite each other unseen, and nobody holds a lock while thinking.

The list is read page by page. A page begins after a number and not at a place: what is added or taken away meanwhile
shifts nothing, no book is told twice or left out, and the last page costs as much as the first one.

There is one connection, which a lock guards. SQLite lets one write at a time anyway, a statement here takes less than a
millisecond, and in ":memory:" a second connection would see another, empty library. A file is in WAL mode: other
programs, like the sqlite3 command line, read it at any time, and wait for nobody. Every change is one statement, and so
is all there or not at all; when it has been answered, it is on the disk (synchronous = FULL).

The law: a value never becomes a part of SQL, and nothing that comes from outside is trusted before it was looked at:
every argument here may be anything. Whatever cannot be done is a StoreError, with a code and a sentence.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, Final

BOOKS: Final = 10_000
"""How many books there may be."""

PAGE: Final = 100
"""How many books a page may have."""

TEXT: Final = 200
"""How many characters a title or a name may have."""

AUTHORS: Final = 20

YEARS: Final = 9_999

LARGEST: Final = 2**53
"""The largest number that every reader of JSON takes for what it is. No book will ever have it."""

SCHEMA: Final = 1
"""What `user_version` of a file says, so that a later version of this program knows what it finds."""

TABLE: Final = """
CREATE TABLE IF NOT EXISTS books (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- so that the number of a book that is gone is not given again
    version INTEGER NOT NULL DEFAULT 1,
    title TEXT NOT NULL,
    authors TEXT NOT NULL,  -- a list in JSON
    year INTEGER NOT NULL
)
"""


class StoreError(Exception):
    """A sentence for somebody who asked for something that cannot be. `code` is a word for a program."""

    code = "unavailable"


class InvalidError(StoreError):
    """What was given is no book, no number, no page."""

    code = "invalid"


class MissingError(StoreError):
    """There is no such book."""

    code = "missing"


class ConflictError(StoreError):
    """The book has another version than the one that was seen."""

    code = "conflict"


class FullError(StoreError):
    """There is no room for another book."""

    code = "full"


@dataclass(frozen=True)
class Book:
    """A book as it was when somebody looked."""

    number: int
    version: int
    title: str
    authors: list[str]
    year: int

    def told(self) -> dict[str, Any]:
        """The book in simple values."""
        return asdict(self)


class Store:
    """The library. It may be used from any thread, until it is closed.

    When another program writes to the file, it is waited for, so many seconds.
    """

    def __init__(self, database: str | Path = ":memory:", patience: float = 5) -> None:
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(database, timeout=patience, isolation_level=None, check_same_thread=False)
            with ExitStack() as when_it_fails:
                when_it_fails.callback(self._database.close)
                self._prepare()
                when_it_fails.pop_all()
        except sqlite3.Error as error:
            raise ValueError(f"{database} cannot be used as a library: {error}") from None

    def close(self) -> None:
        """Close the file. What is asked for after that is unavailable."""
        with self._lock:
            self._database.close()

    def page(self, after: object = 0, limit: object = 20) -> tuple[list[Book], int | None]:
        """The books after a number, in the order of their numbers; and after which to go on, if there are more."""
        after = _number(after, "after", 0, LARGEST)
        limit = _number(limit, "limit", 1, PAGE)
        with self._statements() as run:
            found = run("SELECT * FROM books WHERE number > ? ORDER BY number LIMIT ?", after, limit + 1).fetchall()
        books = [_book(row) for row in found[:limit]]
        return books, books[-1].number if len(found) > limit else None

    def get(self, number: object) -> Book:
        """A book."""
        number = _number(number, "number", 1, LARGEST)
        with self._statements() as run:
            return _book(run("SELECT * FROM books WHERE number = ?", number).fetchone())

    def add(self, title: object, authors: object, year: object) -> Book:
        """A new book. It gets a number that none has had before."""
        values = _checked(title, authors, year)
        with self._statements() as run:
            added = run(
                "INSERT INTO books (title, authors, year) SELECT ?, ?, ? WHERE (SELECT count(*) FROM books) < ?",
                *values,
                BOOKS,
            )
            if not added.rowcount:
                raise FullError(f"There are {BOOKS:,} books already.")
            return _book(run("SELECT * FROM books WHERE number = ?", added.lastrowid).fetchone())

    def replace(self, number: object, version: object, title: object, authors: object, year: object) -> Book:
        """Change a book, of which that version was seen."""
        number = _number(number, "number", 1, LARGEST)
        version = _number(version, "version", 1, LARGEST)
        values = _checked(title, authors, year)
        with self._statements() as run:
            changed = run(
                "UPDATE books SET version = version + 1, title = ?, authors = ?, year = ?"
                " WHERE number = ? AND version = ?",
                *values,
                number,
                version,
            )
            book = _book(run("SELECT * FROM books WHERE number = ?", number).fetchone())
            if not changed.rowcount:
                raise _conflict(book)
            return book

    def remove(self, number: object, version: object) -> None:
        """Take a book away, of which that version was seen."""
        number = _number(number, "number", 1, LARGEST)
        version = _number(version, "version", 1, LARGEST)
        with self._statements() as run:
            if not run("DELETE FROM books WHERE number = ? AND version = ?", number, version).rowcount:
                raise _conflict(_book(run("SELECT * FROM books WHERE number = ?", number).fetchone()))

    @contextmanager
    def _statements(self) -> Iterator[Any]:
        """Run statements, with values, while nobody else does."""
        with self._lock:
            try:
                yield lambda statement, *values: self._database.execute(statement, values)
            except sqlite3.Error as error:  # locked by another program, full disk, closed
                raise StoreError(f"The library cannot be used just now: {error}") from None

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        (schema,) = self._database.execute("PRAGMA user_version").fetchone()
        if schema not in {0, SCHEMA}:
            raise ValueError(f"the library was made by another version of this program ({schema}, and not {SCHEMA})")
        self._database.execute(TABLE)
        self._database.execute(f"PRAGMA user_version = {SCHEMA:d}")  # a PRAGMA takes no parameters


def read_json(data: bytes) -> Any:
    """What a JSON text says, which comes from anybody. InvalidError when it is none, or one that says two things.

    The json module takes more than JSON: NaN, several values for one name, of which the last wins, and numbers that
    become infinite. Brackets in brackets end at Python's recursion limit, in an error.
    """
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_without_doubles,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_short,
        )
    except UnicodeDecodeError:
        raise InvalidError("This is no UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidError(f"This is no JSON: {error}.") from None
    except RecursionError:
        raise InvalidError("Here are too many brackets in brackets.") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InvalidError("A name stands twice in one object.")
    return values


def _no_number(name: str) -> float:
    raise InvalidError(f"JSON has no {name}.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidError("A number is too large.")
    return number


def _short(text: str) -> int:
    if len(text) > len(str(-LARGEST)):  # to read n digits takes n * n steps, so that they are counted first
        raise InvalidError("A number is too large.")
    return int(text)


def _book(row: tuple[Any, ...] | None) -> Book:
    if row is None:
        raise MissingError("There is no such book.")
    number, version, title, authors, year = row
    return Book(number, version, title, json.loads(authors), year)


def _conflict(book: Book) -> ConflictError:
    return ConflictError(f"Book {book.number} was changed meanwhile: its version is {book.version}.")


def _checked(title: object, authors: object, year: object) -> tuple[str, str, int]:
    """The values of a book, as they stand in the table."""
    if not isinstance(authors, list) or not 1 <= len(authors) <= AUTHORS:
        raise InvalidError(f"authors is a list of 1 to {AUTHORS} names.")
    names = [_text(author, "an author") for author in authors]
    return _text(title, "title"), json.dumps(names, ensure_ascii=False), _number(year, "year", 0, YEARS)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT or not value.isprintable() or not value.strip():
        raise InvalidError(f"{name} is a text of 1 to {TEXT} printable characters.")
    return value


def _number(value: object, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidError(f"{name} is a whole number from {least:,} to {most:,}.")
    return value
