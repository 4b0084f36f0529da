"""The story of an event: what it says of every hook and kind of event, whence its lines come, what it never shows.

`WRITE_GOLDEN=1 pytest tests/test_stories.py` writes the golden files again. Read them before you commit.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import linecache
import os
import socket
import socketserver
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from socketserver_trace import Recorder, Trace, explain, load, serve, trace_of, traced
from socketserver_trace.events import ENTER, HOOK, KINDS, NOTE, RAISE, RETURN, Event
from socketserver_trace.lifecycle import DEFINED_BY, HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.providers import classes_by_name
from socketserver_trace.reasons.fallback import CALLED_FROM
from socketserver_trace.reasons.source import Place
from socketserver_trace.recorder import sharing
from socketserver_trace.recording import Lane, Recording
from socketserver_trace.stories import Excerpt, Story, Storyteller, stories_of, story_of
from socketserver_trace.stories.callers import GOODBYES, OPERATIONS, definition_of
from socketserver_trace.stories.excerpts import AROUND, METHOD, at, library, source_of
from tests.explain_cases import CONVERSATIONS, handler, raising, server_of, trace
from tests.faults import SCENES
from tests.samples import CALM, SAMPLES, Choosy, Echo, Shout, sample
from tests.test_explain import NEED_FORK, NEED_UNIX, WITHOUT_FORK

GOLDEN = Path(__file__).parent / "golden" / "stories"
CLASSES: dict[str, type] = {"Choosy": Choosy, "Echo": Echo, "Shout": Shout}
WITH_UNIX = hasattr(socketserver, "UnixStreamServer")
POSSIBLE = [
    name
    for name in CONVERSATIONS
    if (hasattr(os, "fork") or name not in NEED_FORK) and (WITH_UNIX or name not in NEED_UNIX)
]

TRACED = {(owner, name) for owner, table in (("server", SERVER_HOOKS), ("handler", HANDLER_HOOKS))
          for name, hook in table.items() if hook.traced}  # fmt: skip

# The lines that call hooks, with what each of them must hold.
PLACES = [place for places in CALLED_FROM.values() for place in places]
PLACES += [*GOODBYES.values(), *OPERATIONS.values()]
PLACES += [
    place
    for kind, hooks in DEFINED_BY.items()
    for hook in sorted(hooks)
    if (place := definition_of(kind, hook)) is not None
]


def event_of(found: Trace, hook: str | None = None, phase: str | None = ENTER, **more: Any) -> Event:
    """The first event of a trace that is all of this."""
    wanted = {"hook": hook, "phase": phase, **more}
    return next(event for event in found if all(getattr(event, name) == value for name, value in wanted.items()))


def told(found: Trace, hook: str | None = None, phase: str | None = ENTER, **more: Any) -> Story:
    """The story of the first event that is all of this, with the samples' classes at hand."""
    return story_of(event_of(found, hook, phase, **more), found.recording, whole=found.whole, classes=CLASSES)


def all_of(found: Trace) -> list[Story]:
    """The stories of all events of a trace."""
    return list(stories_of(found.recording, found, whole=found.whole, classes=CLASSES))


def marked(source: Excerpt) -> str:
    """The marked line of a source, without its indent."""
    assert source.marked is not None
    return source.lines[source.marked].strip()


def texts_in(value: object) -> list[str]:
    """Every text in a value of JSON, the keys as well."""
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in texts_in(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in texts_in(inner)]
    return [value] if isinstance(value, str) else []


def roles(story: Story) -> dict[str, str]:
    """The classes of a story with what they do: nothing, run, or stand in the shadow."""
    return {
        str(one): "runs" if one.provider else "shadowed" if one.shadowed else "defines" if one.defines else ""
        for one in story.mro
    }


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("refused", lambda: told(sample("threads"), "verify_request", RETURN, connection=2)),
        ("waiting", lambda: told(sample("still_open"), "recv", ENTER, call=_open_call())),
        ("failed", lambda: told(sample("failures"), "handle", RAISE)),
    ],
)
def test_the_text_of_a_story_is_that_of_its_golden_file(name: str, story: Any) -> None:
    """A refusal, an open receive and a failure are told in the very words of the golden files."""
    text = f"{story()}\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")

    assert golden.read_text(encoding="utf-8") == text


def _open_call() -> int | None:
    found = sample("still_open")
    ended = {event.call for event in found if event.phase != ENTER}
    return next(event.call for event in found if event.hook == "recv" and event.call not in ended)


@pytest.mark.parametrize("name", [*SAMPLES, *POSSIBLE])
def test_every_event_has_a_story_of_plain_values(name: str) -> None:
    """Whatever happened, each event has a title and a purpose, its JSON comes back as it was, and all of it prints."""
    found = sample(name) if name in SAMPLES else trace(name)
    for event, story in zip(found, all_of(found), strict=True):
        values = story.as_json()

        assert story.title
        assert story.purpose
        assert (story.moment == "") == (event.phase is None)
        assert json.loads(json.dumps(values)) == values
        assert all(text.isprintable() for text in texts_in(values))
        assert all(line.isprintable() for line in str(story).split("\n"))


@pytest.mark.parametrize("name", [*SAMPLES, *POSSIBLE])
def test_a_hook_has_the_line_that_calls_it(name: str) -> None:
    """Wherever a story shows a caller's line of socketserver, the name of what is called stands in that line."""
    found = sample(name) if name in SAMPLES else trace(name)
    for story in all_of(found):
        for source in story.sources:
            if story.kind == HOOK and source.file == "socketserver.py":
                called = "RequestHandlerClass" if "client_address, server" in story.title else story.title.split("(")[0]
                assert called in marked(source)


def test_every_hook_has_a_story() -> None:
    """Each hook that is recorded happens in some conversation, and has its purpose, contract, classes and reasons."""
    names = ["threads", "timed_out", "with_block", "handle_raised", "address_in_use"]
    names += ["forked"] if hasattr(os, "fork") else []
    found: dict[tuple[str, str], Story] = {}
    for one in (trace(name) for name in names):
        for event, story in zip(one, all_of(one), strict=True):
            if event.kind == HOOK and event.phase == ENTER:
                found.setdefault((str(event.detail["owner"]), str(event.hook)), story)

    assert {*found} == TRACED - (set() if hasattr(os, "fork") else {("server", "collect_children")})
    for (owner, name), story in found.items():
        entry = (HANDLER_HOOKS if owner == "handler" else SERVER_HOOKS)[name]
        assert story.title == f"{name}({', '.join(entry.parameters)})"
        assert story.purpose == entry.purpose
        assert story.contract
        assert [one for one in story.mro if one.provider]
        assert story.why is not None
        assert story.sources


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_every_line_is_in_the_running_socketserver(place: Place) -> None:
    """Each line is found in this Python, with its number, and with at most three neighbours on each side."""
    if place.function.startswith("ForkingMixIn") and not hasattr(socketserver, "ForkingMixIn"):
        pytest.skip("this system has no os.fork")
    found = at(place, "Here")
    lines = Path(socketserver.__file__).read_text(encoding="utf-8").split("\n")

    assert found is not None
    assert place.fragments[-1] in marked(found)
    assert marked(found) == lines[found.first - 1 + (found.marked or 0)].strip()
    assert found.marked is not None
    assert found.marked <= AROUND
    assert len(found.lines) <= 2 * AROUND + 1
    assert found.file == "socketserver.py"
    assert any(line and not line.startswith(" ") for line in found.lines)


@pytest.mark.parametrize("place", [("BaseServer.nothing", "x"), ("Nobody.handle", "x"), ("BaseServer.shutdown", "x")])
def test_a_line_that_is_not_there_costs_the_line_only(place: tuple[str, ...]) -> None:
    """A class, a function or a line that another version of socketserver does not have is None, and no error."""
    assert library(place, "Here") is None


class Watching:
    """Notes, for each hook, the line of socketserver.py from which it was called."""

    def __init__(self) -> None:
        self.lines: dict[str, set[int]] = {}

    def methods(self, *names: str) -> dict[str, Any]:
        """An override of each of the hooks, which hands on what it is given."""
        return {name: self._method(name) for name in names}

    def _method(self, name: str) -> Any:
        def method(this: Any, *arguments: Any) -> Any:
            frame: Any = sys._getframe(1)
            while not frame.f_code.co_filename.endswith("socketserver.py"):
                frame = frame.f_back  # past the tracer's own frames
            self.lines.setdefault(name, set()).add(frame.f_lineno)
            library = (vars(kind) for kind in type(this).__mro__ if kind.__module__ == socketserver.__name__)
            return next(members[name] for members in library if name in members)(this, *arguments)

        return method


WATCHED = ("server_bind", "server_activate", "service_actions", "get_request", "verify_request", "process_request",
           "finish_request", "handle_error", "handle_timeout", "shutdown_request", "close_request")  # fmt: skip
DRAMAS: dict[str, dict[str, Any]] = {
    "served": {},
    "in a loop": {"loop": True},
    "failed": {"handler": handler(handle=raising(ValueError("boom")))},
    "left": {"handler": handler(handle=raising(SystemExit(3)))},
    "refused": {"verify_request": lambda *_arguments: False},
    "timed out": {"timeout": 0},
    "in a thread": {"kind": socketserver.ThreadingTCPServer},
    "failed in a thread": {"kind": socketserver.ThreadingTCPServer, "handler": handler(handle=raising(ValueError()))},
    "a datagram": {"kind": socketserver.UDPServer, "handler": handler()},
}


def one(server: Any) -> None:
    """One request by handle_request, from somebody who is there already; nobody comes to a server that cannot wait."""
    if server.timeout is None:
        knock(server)
    with contextlib.suppress(SystemExit):
        server.handle_request()


def loop(server: Any) -> None:
    """One request to a server that serves in a loop."""
    with serve(server, timeout=CALM) as served, served.client("alice") as alice:
        alice.receive_all()


@pytest.mark.parametrize("name", DRAMAS)
def test_the_line_is_the_one_that_really_called(name: str) -> None:
    """What a story shows as the caller's line is the line at which the caller's frame stood when the hook ran."""
    watching, more = Watching(), dict(DRAMAS[name])
    kind, act = more.pop("kind", socketserver.TCPServer), loop if more.pop("loop", False) else one
    handled = type("MyHandler", (more.pop("handler", handler()),), watching.methods("setup", "finish"))
    methods = watching.methods(*(hook for hook in WATCHED if hook not in more)) | more
    with server_of(kind, handler=handled, **methods) as server:
        act(server)
    found = trace_of(server)
    shown: dict[str, set[int]] = {}
    for event, story in zip(found, all_of(found), strict=True):
        if event.hook in watching.lines and event.phase == ENTER:
            shown.setdefault(event.hook, set()).update(one.first + (one.marked or 0) for one in story.sources[:1])

    assert watching.lines
    assert {hook: shown[hook] for hook in watching.lines} == watching.lines


def knock(server: Any) -> None:
    """Somebody connects, or sends a datagram, and goes."""
    with socket.socket(server.address_family, server.socket_type) as client:
        client.connect(server.server_address)
        client.sendall(b"hello\n")


def with_kernel() -> Trace:
    """A conversation in which the kernel was asked, and which has a remark of its author."""
    with serve(socketserver.TCPServer, Echo, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello")
        alice.receive()
        served.kernel()
        alice.half_close()
        alice.receive_all()
    last = served.trace.arrival().whole.events[-1]
    note = Event(seq=last.seq + 1, time_ns=last.time_ns + 1, lane=last.lane, kind=NOTE, detail={"text": "well done"})
    whole = served.trace.arrival().whole
    return Trace(whole.with_events((*whole.events, note)))


def test_every_kind_of_event_has_a_story() -> None:
    """Each kind has a title that names who does what, and sentences that say what it is for."""
    found = [with_kernel(), sample("threads"), trace("accept_returned_nothing")]
    found += [trace("forked")] if hasattr(os, "fork") else []
    titles: dict[str, set[str]] = {}
    for one in found:
        for story in all_of(one):
            titles.setdefault(story.kind, set()).add(story.title)

    assert {*titles} == {*KINDS} - (set() if hasattr(os, "fork") else {"end"})
    assert "alice connects" in titles["connect"]
    assert {"bytes from alice to connection 1", "bytes from connection 1 to alice"} <= titles["send"]
    assert {"connection 1 receives bytes from alice", "alice receives bytes from connection 1"} <= titles["receive"]
    assert {"connection 1 reads the end of what alice sends", "bob reads the end of what connection 2 sends"} <= titles[
        "receive"
    ]
    assert {"alice half-closes", "the server half-closes connection 1"} <= titles["half_close"]
    assert {"alice closes", "the server closes connection 1"} <= titles["close"]
    assert "main starts server" in titles["start"]
    assert "main finds that Thread 1 has ended" in titles["join"]
    assert {"what the kernel knew of server", "what the kernel knew of alice"} <= titles["kernel"]
    assert titles["note"] == {"a remark"}
    assert titles["fault"] == {"the tracer failed"}


@WITHOUT_FORK
def test_a_child_has_its_fork_and_its_end() -> None:
    """A fork is a line of ForkingMixIn, the first hook of the child is called there, and its end says how it went."""
    found = trace("forked")

    assert told(found, "fork", None).title.endswith("forks child 1")
    assert marked(told(found, "fork", None).sources[0]) == "pid = os.fork()"
    assert told(found, None, None, kind="end").fact("exit status") == "0"
    assert told(found, "finish_request").fact("runs in") == "child 1, a process of its own"
    assert told(found, "finish_request").fact("called by") == "the child, after the fork"
    assert told(found, "finish_request").sources[0].function == "ForkingMixIn.process_request"


@WITHOUT_FORK
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")  # as it is
def test_a_child_that_was_killed_says_by_what() -> None:
    """The end of a child that a signal ended names the signal; the call that it was in has not ended."""
    found = trace_of(SCENES["child_is_killed"](traced, []))
    ended = next(story for story in all_of(found) if story.kind == "end" and ("ended by", "SIGKILL") in story.facts)

    assert ended.title == "child 1 has ended"
    assert told(found, "handle", connection=1).moment == "it has not ended"


def test_the_facts_of_a_hook_say_where_for_whom_and_with_what() -> None:
    """A hook has its lane, its connection with the client's name, its arguments as words, its result and its caller."""
    facts = dict(told(sample("threads"), "verify_request", connection=2).facts)

    assert facts == {
        "runs in": "server, the serving thread",
        "connection": "2, of bob",
        "method of": "Choosy · yours",
        "request": "the socket of connection 2",
        "client_address": "bob's address",
        "returned": "False: the request is closed, and nobody handles it",
        "called by": "BaseServer.serve_forever()",
    }


def test_a_call_says_what_it_did_meanwhile() -> None:
    """The bytes that moved in the course of a call are counted, and the hooks that it called are named."""
    story = told(sample("threads"), "process_request_thread")

    assert story.fact("meanwhile") == "received 5 bytes and sent 5 bytes"
    assert story.fact("calls") == "finish_request and shutdown_request"
    assert told(sample("threads"), "finish_request").fact("made") == "a handler of the class Echo"
    assert (
        told(sample("one_request"), "__init__").fact("RequestHandlerClass")
        == "its first handler was of the class Shout"
    )


def test_what_get_request_returned_is_told_in_words() -> None:
    """A request is told as its connection, or as its datagram, and the address by whose it is."""
    stream, datagram = (told(sample(name), "get_request", RETURN).fact("returned") for name in ("threads", "datagrams"))

    assert stream == "the socket of connection 1; and alice's address"
    assert datagram == "the datagram of connection 1, and the server's socket; and alice's address"


@pytest.mark.parametrize("name", [*SAMPLES, "half_a_line", "handle_raised"])
def test_no_story_shows_a_port_a_time_or_an_address_in_memory(name: str) -> None:
    """Two runs of the same conversation tell the same stories, event by event, in text."""
    made: Any = SAMPLES[name] if name in SAMPLES else CONVERSATIONS[name].__wrapped__  # type: ignore[attr-defined] # functools.cache has it

    assert list(map(str, all_of(made()))) == list(map(str, all_of(made())))


def test_the_duration_and_the_numbers_of_lines_are_told_on_request() -> None:
    """They differ between runs and versions, so the text has them only when it is asked for; the JSON has them."""
    story = told(sample("one_request"), "handle")
    again = replace(story, duration_ns=1_234_567)

    assert story.duration_ns is not None
    assert story.duration_ns > 0
    assert story.as_json()["duration_ns"] == story.duration_ns
    assert str(again) == str(story)
    assert "  lasted            1.235 ms" in again.text(numbers=True)
    assert f"> {story.sources[0].first + (story.sources[0].marked or 0):5} " in story.text(numbers=True)


class Early(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """The mix-in stands where it works."""


class Late(socketserver.TCPServer, socketserver.ThreadingMixIn):
    """The mix-in stands too far back."""


class Polite(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Hands on what it overrides."""

    def process_request(self, request: Any, client_address: Any) -> None:
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        made = self.RequestHandlerClass
        made(request, client_address, self)


class Helpful(socketserver.StreamRequestHandler):
    """Reads and writes by its files."""

    def setup(self) -> None:
        super().setup()

    def handle(self) -> None:
        # The comment that names rfile is no call.
        line = self.rfile.readline()
        self.wfile.write(line)


def conversation(kind: Any, handler_class: Any = Shout) -> tuple[Trace, dict[str, type]]:
    """One request to a server, and the classes that it was made of."""
    with serve(kind, handler_class, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive_all()
    return served.trace, classes_by_name(served.server)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Early, {"Early · yours": "", "ThreadingMixIn": "runs", "TCPServer": "", "BaseServer": "shadowed"}),
        (Late, {"Late · yours": "", "TCPServer": "", "BaseServer": "runs", "ThreadingMixIn": "shadowed"}),
        (Polite, {"Polite · yours": "runs", "ThreadingMixIn": "shadowed", "TCPServer": "", "BaseServer": "shadowed"}),
    ],
)
def test_the_classes_show_whose_method_runs_and_which_ones_it_hides(kind: Any, expected: dict[str, str]) -> None:
    """In the order in which Python looks, the provider is marked, and each class behind it that has the method, too."""
    found, _ = conversation(kind)

    assert roles(told(found, "process_request")) == expected


def test_the_classes_of_other_modules_of_the_library_have_their_hooks() -> None:
    """Of http.server's classes a story knows which hooks they define, and that they are nobody's own."""
    with serve(http.server.HTTPServer, http.server.SimpleHTTPRequestHandler, timeout=CALM) as served:
        pass
    bind = told(served.trace, "server_bind")

    assert roles(bind) == {"HTTPServer": "runs", "TCPServer": "shadowed", "BaseServer": ""}
    assert told(served.trace, "server_activate").mro[1].provider


def test_a_class_of_the_same_name_as_its_base_is_told_apart() -> None:
    """Two classes may have one name: the first is the program's own and runs, the second is the library's."""
    twin = type("TCPServer", (socketserver.TCPServer,), {"server_bind": socketserver.TCPServer.server_bind})
    found, classes = conversation(twin)

    assert [(str(one), one.provider, one.shadowed) for one in told(found, "server_bind").mro[:2]] == [
        ("TCPServer · yours", True, False),
        ("TCPServer", False, True),
    ]
    assert classes["TCPServer"] is twin


def test_the_programs_own_method_is_the_second_source() -> None:
    """A hook that the program wrote shows its first lines; one that it inherited has only the caller's line."""
    found, classes = conversation(Polite, Helpful)
    own = story_of(event_of(found, "handle"), found.recording, classes=classes)
    inherited = story_of(event_of(found, "verify_request"), found.recording, classes=classes)

    assert [source.caption for source in own.sources] == ["Where it is called", "Your method"]
    assert own.sources[1].function == "Helpful.handle"
    assert own.sources[1].file == "test_stories.py"
    assert own.sources[1].lines[0] == "def handle(self) -> None:"
    assert len(inherited.sources) == 1


def test_the_line_of_the_programs_own_code_is_the_callers_line() -> None:
    """What the program's own method does itself is shown there; what it hands on, in the class behind it."""
    found, classes = conversation(Polite, Helpful)

    def first(hook: str, **more: Any) -> Excerpt:
        return story_of(event_of(found, hook, **more), found.recording, classes=classes).sources[0]

    assert marked(first("recv_into")) == "line = self.rfile.readline()"
    assert marked(first("sendall", lane="Thread 1")) == "self.wfile.write(line)"
    assert first("setup").function == "BaseRequestHandler.__init__"
    assert first("process_request_thread").function == "ThreadingMixIn.process_request"


def test_a_hook_that_the_programs_own_code_calls_shows_that_line() -> None:
    """A process_request that does the work itself is the caller of what it calls, and what it returned is told."""

    class Direct(socketserver.TCPServer):
        def process_request(self, request: Any, client_address: Any) -> int:  # type: ignore[override] # unusual, but legal
            self.finish_request(request, client_address)
            self.shutdown_request(request)
            return 7

    found, classes = conversation(Direct)
    sources = [
        story_of(event_of(found, hook), found.recording, classes=classes).sources[0]
        for hook in ("finish_request", "shutdown_request")
    ]

    assert [marked(source) for source in sources] == [
        "self.finish_request(request, client_address)",
        "self.shutdown_request(request)",
    ]
    assert {(source.caption, source.function) for source in sources} == {
        ("Where your code calls it", "Direct.process_request")
    }
    assert told(found, "process_request").fact("returned") == "7"


def test_a_look_at_bytes_is_no_receive() -> None:
    """Bytes that were only looked at are told as such, and are not counted among those received."""

    class Curious(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1, socket.MSG_PEEK)
            self.request.recv(100)

    found, _ = conversation(socketserver.TCPServer, Curious)

    assert told(found, "recv", lane="server").title == "connection 1 looks at bytes from alice"
    assert told(found, "recv", lane="server").fact("looked at").startswith("the bytes stay")
    assert told(found, "handle").fact("meanwhile") == "received 6 bytes"


def test_a_hook_that_the_tables_do_not_know_has_a_story_all_the_same() -> None:
    """A file that was edited may call anything a hook; its story has what the event says, and no reasons."""
    event = Event(
        seq=1, time_ns=1, lane="main", kind=HOOK, phase=ENTER, hook="fro\nb", call=1, detail={"owner": "server"}
    )
    story = story_of(1, Recording((event,), (Lane("main", "main"),)))

    assert story.title == "fro\\nb()"
    assert story.moment == "it has not ended"
    assert (story.why, story.mro, story.sources, story.contract) == (None, (), (), "")


def test_a_line_that_the_source_leaves_open_is_not_guessed() -> None:
    """Of two calls in one method none is marked, and the method is shown instead."""

    class Twice(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(3)
            self.request.recv(3)

    found, classes = conversation(socketserver.TCPServer, Twice)
    source = story_of(event_of(found, "recv", lane="server"), found.recording, classes=classes).sources[0]

    assert source.caption == "One of the calls in your method"
    assert source.marked is None
    assert source.lines[0] == "def handle(self) -> None:"


def test_without_the_classes_the_line_says_on_what_it_depends() -> None:
    """Where the program's own method may call the hook or hand on by super(), a trace from a file says so."""
    found, _ = conversation(Polite)
    source = told(found, "__init__", connection=1).sources[0]

    assert source.caption == "Where it is called, if your finish_request() calls super()"
    assert marked(source) == "self.RequestHandlerClass(request, client_address, self)"


def test_a_long_method_is_cut_and_says_so() -> None:
    """A dozen lines of a method are shown, and that it goes on."""

    def long(_self: object) -> int:
        one = 1
        two = 2
        three = 3
        four = 4
        five = 5
        six = 6
        seven = 7
        eight = 8
        nine = 9
        ten = 10
        eleven = 11
        return one + two + three + four + five + six + seven + eight + nine + ten + eleven

    source = source_of("Long.handle", staticmethod(long))
    assert source is not None
    shown = source.beginning("Your method")

    assert len(shown.lines) == METHOD
    assert shown.goes_on
    assert shown.text().endswith("\n    …")


def test_a_method_from_a_notebook_has_its_source() -> None:
    """The class of a notebook's cell has no file; its functions are read all the same, and no folder is shown."""
    text = "def handle(self):\n\tself.request.recv(1)  # \u202e\x1b[31m\n"
    name = "/tmp/ipykernel_17/4711.py"  # noqa: S108 - nothing is written there
    names: dict[str, Any] = {}
    exec(compile(text, name, "exec"), names)  # noqa: S102 - what a notebook does
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        source = source_of("Echo.handle", names["handle"])
    finally:
        del linecache.cache[name]

    assert source is not None
    shown = source.beginning("Your method")
    assert shown.file == "a cell of the notebook"
    assert shown.lines[1] == "        self.request.recv(1)  # \\u202e\\x1b[31m"


@pytest.mark.parametrize("method", [len, property(len), 3, None, eval("lambda self: None"), io.StringIO.write])  # noqa: S307 - a function without a source
def test_a_method_without_a_source_costs_the_source_only(method: object) -> None:
    """What is written in C, is no function, or was made by eval has no source, and that is no error."""
    assert source_of("Odd.handle", method) is None


def test_hostile_names_messages_and_bytes_are_shown_as_data() -> None:
    """Names with markup, controls and blanks, a message that gives an address away, bytes of all kinds: all visible."""
    nasty = type("<b>\x1b[2J evil\u202e", (socketserver.TCPServer,), {"verify_request": lambda *_arguments: True})
    error = ValueError("\x1b[31m<script> <Echo object at 0xdeadbeef>")
    failing = type("Fail ing:,", (socketserver.BaseRequestHandler,), {"handle": raising(error)})
    with serve(nasty, failing, timeout=CALM) as served, served.client("al\x07ice\u2066") as alice:
        alice.send(bytes(range(256)) * 3)
        with contextlib.suppress(OSError):  # whoever closes with bytes unread resets the connection
            alice.receive_all()
    found = served.trace
    story = told(found, "verify_request")

    assert [(one.name, one.yours, one.provider) for one in story.mro[:2]] == [
        ("<b>\\x1b[2J_evil\\u202e", True, True),
        ("TCPServer", False, False),
    ]
    assert story.fact("client_address") == "al\\x07ice\\u2066's address"
    assert told(found, "handle", RAISE).fact("raised") == "ValueError: \\x1b[31m<script> <Echo object>"
    assert told(found, "handle", RAISE).mro[0].name == "Fail_ing:,"
    assert all(text.isprintable() for story in all_of(found) for text in texts_in(story.as_json()))


def test_bytes_are_shown_in_lines_up_to_512_with_their_true_number() -> None:
    """Sixteen bytes a line, with the offset, the digits and what of it is ASCII; the fact says how many there were."""
    with serve(socketserver.TCPServer, Echo, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(bytes(range(256)) * 40)
        alice.half_close()
        alice.receive_all()
    story = told(served.trace, "sendall", lane="alice")

    assert story.fact("bytes").endswith("\\x17…' (10,240 bytes)")
    assert len(story.data) == 32
    assert str(story.data[2]) == "0020  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f   !\"#$%&'()*+,-./"
    assert story.data[-1].offset == 496


def test_the_two_events_of_a_transfer_have_the_same_bytes() -> None:
    """A receive knows its bytes at its end and a send at its beginning, and both stories of each have them."""
    found = sample("threads")
    for lane, hook in (("Thread 1", "recv"), ("Thread 1", "sendall"), ("alice", "recv"), ("alice", "sendall")):
        both = [told(found, hook, phase, lane=lane) for phase in (ENTER, RETURN)]
        assert [story.fact("bytes") for story in both] == ["b'hello'", "b'hello'"]
        assert both[0].data == both[1].data


def test_a_trace_from_a_file_tells_the_same_but_for_the_programs_own_lines(tmp_path: Path) -> None:
    """What a file holds is enough for every story; only the methods of the program are not in it."""
    found = sample("threads")
    found.save(tmp_path / "trace.jsonl")
    loaded = load(tmp_path / "trace.jsonl")
    without = [replace(story, sources=()) for story in all_of(found)]

    assert [replace(loaded.story(event.seq), sources=()) for event in loaded] == without
    assert [source.function for source in loaded.story(event_of(loaded, "handle")).sources] == [
        "BaseRequestHandler.__init__"
    ]


def test_an_older_file_has_the_classes_without_the_hooks_of_the_programs_own() -> None:
    """A file that was written before the classes told their hooks has the MRO, and whose method ran."""
    found = sample("threads").arrival().whole
    older = found.with_events(
        replace(event, detail={key: value for key, value in event.detail.items() if key not in {"yours", "library"}})
        for event in found
    )

    assert roles(told(Trace(older), "verify_request"))["Choosy"] == "runs"
    assert roles(told(Trace(older), "verify_request"))["BaseServer"] == "shadowed"


def test_a_selection_tells_the_whole_story() -> None:
    """The story of an event in a selection knows what the selection leaves out; an event that it lacks has none."""
    found = sample("threads")
    part = found.select(connection=1, kind=HOOK)
    event = event_of(part, "handle")

    assert part.story(event.seq) == found.story(event.seq)
    assert part.story(event.seq).fact("meanwhile") == "received 5 bytes and sent 5 bytes"
    with pytest.raises(LookupError, match=r"there is no event 1 in this trace; the numbers go from \d+ to \d+"):
        part.story(1)
    with pytest.raises(LookupError, match=r"there is no event 1 in this trace\.$"):
        found.select(connection=99).story(1)


def test_a_call_that_has_not_ended_says_for_whom_it_waits() -> None:
    """An open receive, and the hook around it, are told as such, with the sentence of who waits for whom."""
    found = sample("still_open")
    receive = story_of(_open_call() or 0, found.recording)
    handle = told(found, "handle")

    assert receive.title == "connection 1 waits for bytes from alice"
    assert receive.moment == handle.moment == "it has not ended"
    assert receive.waits == "Thread 1, in handle() of connection 1, waits for bytes from alice."
    assert handle.waits == receive.waits
    assert handle.duration_ns is None
    assert told(found, "get_request").waits is None
    assert receive.why is None


def test_the_reasons_are_those_of_explain() -> None:
    """The story of a hook has what explain says of it, for its connection."""
    found = sample("failures")

    for name, hook in (("handle", "handle"), ("handler.__init__", "__init__")):
        story = told(found, hook, connection=1)
        assert story.why == explain(found, name, connection=1)
    assert story.as_json()["why"][
        "verdict"
    ] == "handler.__init__() ran once for connection 1, and raised ValueError: " + ('<script>alert("1")</script>.')


@pytest.mark.parametrize("name", ["threads", "failures", "inferred", "datagrams"])
def test_many_stories_are_the_stories_of_each(name: str) -> None:
    """What the stories of one recording share changes none of them, whatever their order."""
    found = sample(name)
    backwards = list(reversed(found.recording.events))

    assert list(stories_of(found.recording, backwards)) == [story_of(one, found.recording) for one in backwards]


def test_an_inferred_event_has_a_story_and_its_number_belongs_to_what_was_recorded() -> None:
    """An inferred event is told when it is handed over; its number names the event that it was inferred from."""
    found = sample("inferred")
    inferred = event_of(found, None, None, kind="connect")

    assert found.story(inferred).fact("runs in") == "client 1, inferred from what the server saw"
    assert found.story(inferred.seq).title == "get_request()"


def test_a_capped_trace_tells_what_is_left() -> None:
    """When the oldest events were let go, the classes or the call around another one are not known, and not guessed."""
    with sharing(Recorder(cap=12)), traced(socketserver.TCPServer)(("127.0.0.1", 0), Shout) as server:
        knock(server)
        server.handle_request()
        found = trace_of(server).arrival()
    goodbye, finished, half_known = (
        found.story(event_of(found, hook, phase))
        for hook, phase in (("shutdown_request", ENTER), ("finish", RETURN), ("handle_request", RETURN))
    )

    assert found.whole.dropped
    assert (goodbye.mro, goodbye.sources) == ((), ())
    assert [name for name, _ in goodbye.facts] == ["runs in", "connection", "method of", "request", "calls"]
    assert finished.sources == ()
    assert half_known.title == "handle_request()"
    assert half_known.moment == "it has returned"
    assert half_known.fact("method of") == "BaseServer"
    assert half_known.purpose == SERVER_HOOKS["handle_request"].purpose


def test_several_servers_in_one_trace_are_told_apart() -> None:
    """Where a trace has two servers, each story says whose it is, and has the classes of that one."""
    with sharing(Recorder()):
        early, late = (traced(kind)(("127.0.0.1", 0), Shout) for kind in (Early, Late))
    with early, late:
        found = trace_of(early)
    first, second = (told(found, "server_bind", server=name) for name in ("Early", "Late"))

    assert (first.fact("server"), first.mro[0].name) == ("Early", "Early")
    assert (second.fact("server"), second.mro[0].name) == ("Late", "Late")


def test_a_live_trace_can_be_given_the_classes() -> None:
    """A trace that knows the classes of its server shows their lines, and so do its selections and its arrival."""
    found, classes = conversation(Polite, Helpful)
    live = Trace(found.arrival().whole, classes=classes)
    event = event_of(live, "handle")

    assert {*classes} == {"Polite", "Helpful"}
    for one in (live, live.arrival(), live.select(hook="handle")):
        assert [source.caption for source in one.story(event.seq).sources] == ["Where it is called", "Your method"]
    assert live == Trace(found.arrival().whole)


def test_a_name_that_stands_for_two_classes_is_left_out() -> None:
    """Nobody could say which class a name means when two have it, and so neither is shown."""
    base = type("Same", (socketserver.TCPServer,), {})
    server = type("Same", (base,), {}).__new__(type("Same", (base,), {}))
    server.RequestHandlerClass = Helpful

    assert classes_by_name(server) == {"Helpful": Helpful}


def test_a_fact_is_found_by_its_name() -> None:
    """A fact that a story does not have is a LookupError that lists those that it has."""
    story = told(sample("one_request"), "setup")

    with pytest.raises(LookupError, match="this story has no 'weather'; it has runs in, connection, method of"):
        story.fact("weather")


def test_a_storyteller_that_is_kept_reads_the_recording_once() -> None:
    """A live view keeps one storyteller, which tells any event of its recording, again and again the same."""
    found = sample("threads")
    teller = Storyteller(found.recording, classes=CLASSES)

    assert (
        teller.story(found[5])
        == teller.story(found[5].seq)
        == told(found, found[5].hook, found[5].phase, call=found[5].call)
    )
