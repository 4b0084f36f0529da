"""The exercises and questions of lesson 19, Keeping secrets."""

from __future__ import annotations

from socketserver_trace.checks import either, happens, in_connection, never, opposite, sends
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.checks import Claim
    from socketserver_trace.course.exercise import Question

NO: Final = b"no\n"
REFUSED: Final = b"ERROR no\n"


def _says(number: int, data: bytes) -> Claim:
    """These bytes and no others are said in a conversation."""
    return in_connection(number, sends(data, whole=True))


THE_SAME_NO: Final = Exercise(
    "19-the-same-no",
    "The same no",
    (
        Point("alice, who knows her password, is welcomed.", _says(1, b"welcome\n")),
        Point("bob is wrong once, and may try again.", _says(2, b"no\nwelcome\n")),
        Point(
            "mallory hears the same of a name that nobody has and of a wrong password, and after three he is let go.",
            _says(3, b"no\nno\nno\n"),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors. Has a user who does not exist an entry in USERS? "
            "And wfile takes bytes.",
            "handle_error",
        ),
        Mistake(
            "nobody is somebody",
            in_connection(3, either(sends(b"welcome\nno\n"), sends(b"welcome\n", whole=True))),
            "mallory was welcomed as zoe, whom there is not, with an empty password: it is right for NOBODY. Whoever "
            "comes in must be one of the USERS as well.",
        ),
        Mistake(
            "tells who is there",
            opposite(either(*(_says(3, NO * count) for count in range(1, 5)), _says(3, NO * 3 + b"welcome\n"))),
            'What mallory hears of zoe, who does not exist, is not what he hears of alice, or is not b"no\\n": so he '
            "knows for whom it is worth guessing.",
        ),
        Mistake(
            "one can guess for ever",
            in_connection(3, either(sends(b"no\nno\nno\nwelcome\n"), sends(b"no\nno\nno\nno\n"))),
            "mallory's fourth guess was heard, and he has all the time in the world: after the third no, return.",
        ),
        Mistake(
            "too strict",
            in_connection(2, ~sends(b"no\nwelcome\n")),
            "bob mistyped once, and his second try, which was right, was not heard. Three are allowed.",
        ),
        Mistake(
            "one too few",
            _says(3, b"no\nno\n"),
            "mallory was let go after two: count from nothing in each conversation, and what others got wrong is not "
            "his.",
        ),
    ),
    (
        "How many sentences can mallory hear? What does he learn from each?",
        "One condition and one no: the password is right, and the name is one of the users.",
        "if USERS.get(name, NOBODY).matches(password) and name in USERS: welcome, return. Else no; third: return.",
    ),
    "mallory may come again, and has three guesses more. The vault counts them by address, for all conversations.",
)

WHOSE_SECRET: Final = Exercise(
    "19-whose-secret",
    "Whose secret?",
    (
        Point("alice keeps a secret, and reads it.", _says(1, b"OK\nOK\nOK 4711\n")),
        Point("Who has not logged in reads and keeps nothing.", _says(2, REFUSED * 2)),
        Point(
            "bob cannot tell alice's secret from one that there is not, and has one of the same name.",
            _says(3, b"OK\nERROR no\nERROR no\nOK\nOK 0815\n"),
        ),
        Point("alice's is still hers, and unchanged.", _says(4, b"OK\nOK 4711\n")),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "strangers",
            in_connection(2, either(sends(b"OK"), sends(b"4711"))),
            'mallory has not logged in, and was served: as long as self.user is "", nobody may do anything.',
            "handle",
            2,
        ),
        Mistake(
            "everybody",
            in_connection(3, sends(b"4711")),
            "bob has logged in, and has read alice's secret: who he is was asked, and what he may do was not. Keep a "
            "secret under its name and its owner.",
            "handle",
            3,
        ),
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors. What somebody asks for need not be there: "
            'raise RefusedError("no") instead.',
            "handle_error",
        ),
        Mistake(
            "not even one's own",
            in_connection(1, ~sends(b"OK\nOK\nOK 4711\n", whole=True)),
            "alice logs in, keeps 4711 under the name of door, and must read it.",
        ),
        Mistake(
            "tells what there is",
            in_connection(3, ~sends(b"OK\nERROR no\nERROR no\n")),
            "bob hears something else of alice's door than of a cellar, which nobody has: so he knows that somebody "
            'has a door. Let both be RefusedError("no").',
        ),
        Mistake(
            "taken",
            in_connection(3, sends(REFUSED * 3)),
            "bob may have a door of his own. And as he was refused, he knows now that somebody else has one.",
        ),
        Mistake(
            "changed by another",
            in_connection(4, ~sends(b"4711")),
            "alice came back, and her secret was not hers any more: bob's PUT has taken its place.",
        ),
    ),
    (
        "By what does the server find a secret? bob says its name. What does he not say?",
        "self.server.kept[self.user, name]: a key of two parts, of which the client says only one.",
        'Both begin with: if not self.user: raise RefusedError("no"). And get: if the key is not in kept, the same.',
    ),
    "There is no place at which the two names are compared, so none at which one can forget it.",
)

EXERCISES: Final = (THE_SAME_NO, WHOSE_SECRET)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "19-whose-password",
        "alice's program checks the certificate, bob's does not. Both come to mallory's server. Whose password has he?",
        ("alice's and bob's", "alice's", "bob's", "nobody's"),
    ),
)
