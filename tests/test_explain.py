"""`explain`: why a hook ran, ran twice, or did not run, and the line of the running socketserver.py that decides."""

from __future__ import annotations

import inspect
import json
import os
import socketserver
import sys
from typing import TYPE_CHECKING

import pytest

from socketserver_trace import load
from socketserver_trace.explanations import explain
from socketserver_trace.lifecycle import HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.reasons import RULES
from socketserver_trace.reasons.fallback import CALLED_FROM
from socketserver_trace.reasons.source import Place
from socketserver_trace.recording import Recording
from tests.explain_cases import CONVERSATIONS, handler, one_request, raising, trace

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [f"server.{name}" if name == "__init__" else name for name in SERVER_HOOKS]
KEYS += [f"handler.{name}" if name == "__init__" else name for name in HANDLER_HOOKS]

WITHOUT_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")
NEED_FORK = {
    "forked",
    "actions_of_its_own",
    "zombie",
    "parent_hung_up",
    "no_process_left",
    "too_many_children",
    "shutdown_in_a_child",
}
NEED_FORK |= {name for name in CONVERSATIONS if name.endswith("_in_a_child")}
NEED_UNIX = {"unread", "no_address", "nagle_on_unix"}
NEED_UNIX |= {"line_is_full"}  # how long the line is, is known of Linux only

# conversation, hook, connection, how often it ran, rule, words of the sentence, the deciding line
TABLE: list[tuple[str, str, int | None, int, str, str, str]] = [
    # The way in.
    ("refused", "handle", 1, 0, "refused", "Your MyTCPServer.verify_request returned None", "if self.verify_request("),
    ("refused", "handle_error", 1, 0, "refused", "without a word", "if self.verify_request("),
    ("refused", "shutdown_request", 1, 1, "refused", "counts as no", "if self.verify_request("),
    ("refused", "handler", 1, 0, "refused", "return returns None", "if self.verify_request("),
    ("refused_by_threads", "thread", 1, 0, "refused", "returned False", "if self.verify_request("),
    ("verify_raised", "handle_error", 1, 0, "verify raised", "outside of the try", "if self.verify_request("),
    ("verify_raised", "shutdown_request", 1, 0, "verify raised", "AttributeError: no such list", "verify_request("),
    ("verify_raised", "serve_forever", None, 1, "ended by a request", "later clients connect and wait",
     "self._handle_request_noblock()"),
    ("accept_failed", "get_request", None, 2, "get_request failed", "OSError: Too many open files", "except OSError:"),
    ("accept_raised", "handle_error", None, 0, "get_request raised", "Only an OSError", "except OSError:"),
    ("accept_returned_nothing", "verify_request", None, 0, "no pair", "no pair of a request", "self.get_request()"),
    ("nobody_serves", "get_request", None, 0, "nobody serves", "alice is still waiting", "self.socket.listen("),
    ("bob_waits", "get_request", None, 1, "loop is busy", "busy with connection 1", "self.finish_request("),
    ("busy", "get_request", 2, 1, "had to wait", "had to wait for connection 1", "self.finish_request("),
    ("late_client", "handler", None, 0, "loop is over", "only server_close() ends the line", "while not"),
    ("one_of_two", "get_request", None, 1, "one was taken", "takes one request",
     "return self._handle_request_noblock()"),
    ("idle_loop", "handle", None, 0, "nobody came", "Nobody has come", "if ready:"),
    ("refused_by_the_system", "get_request", None, 0, "nobody listens", "server_activate() has not",
     "self.socket.listen("),
    ("line_is_full", "get_request", None, 0, "line is full", "request_queue_size says (0", "self.socket.listen("),
    # The constructor.
    ("not_activated", "server_bind", None, 0, "not activated", "bind_and_activate=False", "if bind_and_activate:"),
    ("not_activated", "server_activate", None, 0, "not activated", "leaves", "if bind_and_activate:"),
    ("address_in_use", "server_activate", None, 0, "bind failed", "raised OSError: Address already",
     "self.server_close()"),
    ("address_in_use", "server_close", None, 1, "bind failed", "there is no server", "self.server_close()"),
    ("three_arguments", "server.__init__", None, 1, "bind failed", "raised TypeError", "self.server_close()"),
    ("closed_too_early", "server_close", None, 1, "closed too early", "no attribute 'clients'", "self.server_close()"),
    ("no_such_family", "server_bind", None, 0, "constructor raised", "there is no server", "def __init__("),
    ("bare_server", "server_bind", None, 0, "no socket", "neither binding nor listening", "self.server_address ="),
    ("bare_server", "serve_forever", None, 1, "no descriptor", "no fileno()", "selector.register("),
    # The handler.
    ("setup_raised", "handle", 1, 0, "setup raised", "Your MyHandler.setup raised ValueError: boom", "self.setup()"),
    ("setup_raised", "finish", 1, 0, "setup raised", "before the try", "self.setup()"),
    ("handle_raised", "finish", 1, 1, "handle raised", "in the finally", "self.finish()"),
    ("handle_raised", "handle_error", 1, 1, "told in the loop", "ValueError: boom", "self.handle_error("),
    ("handle_raised_in_a_thread", "handle_error", 1, 1, "told in the thread", "ValueError", "self.handle_error("),
    ("handle_raised_in_a_child", "handle_error", 1, 1, "told in the child", "ValueError", "self.handle_error("),
    ("finish_raised", "finish", 1, 1, "finish raised", "KeyError: mel", "self.finish()"),
    ("both_raised", "finish", 1, 1, "finish raised", "only the last of the two", "self.finish()"),
    ("exits", "handle_error", 1, 0, "no Exception in the loop", "SystemExit: 3", "except:"),
    ("exits", "serve_forever", None, 1, "ended by a request", "SystemExit: 3", "self._handle_request_noblock()"),
    ("exits_in_a_thread", "handle_error", 1, 0, "no Exception in the thread", "BaseException", "except Exception:"),
    ("exits_in_a_child", "handle_error", 1, 0, "no Exception in the child", "BaseException", "except Exception:"),
    ("error_in_error", "shutdown_request", 1, 0, "handle_error raised", "disk full", "self.handle_error("),
    ("error_in_error_in_a_thread", "close_request", 1, 1, "closed in the thread", "finally", "self.shutdown_request("),
    ("error_in_error_in_a_child", "shutdown_request", 1, 1, "closed in the child", "finally", "self.shutdown_request("),
    ("caught_by_itself", "handle_error", 1, 0, "nothing raised", "catches by itself", "except Exception:"),
    ("not_a_class", "handler", 1, 0, "not callable", "'str' object is not callable", "self.RequestHandlerClass("),
    ("function_as_handler", "handle", 1, 0, "no handler", "made no handler", "self.RequestHandlerClass("),
    ("function_raised", "setup", 1, 0, "maker raised", "ValueError: boom", "self.RequestHandlerClass("),
    ("handle_not_written", "handle", 1, 1, "does nothing", "no reply", "pass"),
    ("attribute_too_late", "handle", 1, 1, "too early", "set it before, or in setup()", "self.handle()"),
    ("recv_of_the_handler", "handle", 1, 1, "attribute missing", "belong to self.request", "self.request = request"),
    ("only_the_first_line", "handle", 1, 1, "called once", "10 bytes", "self.handle()"),
    # The loop.
    ("served_once", "handle_timeout", None, 0, "timeout ignored", "timeout=0.5", "selector.select(poll_interval)"),
    ("served_once", "handle_request", None, 0, "not by the loop", "does not call", "self._handle_request_noblock()"),
    ("served_once", "service_actions", None, 1, "idle turns", "left out", "self.service_actions()"),
    ("served_once", "shutdown", None, 1, "stopped", "poll_interval", "while not self.__shutdown_request:"),
    ("served_once", "serve_forever", None, 1, "stopped", "the port stays open", "while not self.__shutdown_request:"),
    ("exits", "service_actions", None, 0, "skipped", "by SystemExit: 3", "self.service_actions()"),
    ("handled_once", "handle_timeout", None, 0, "in time", "before the timeout",
     "return self._handle_request_noblock()"),
    ("handled_once", "service_actions", None, 0, "one at a time", "serve_forever() only", "_handle_request_noblock()"),
    ("handled_once", "shutdown", None, 0, "nobody stops", "no loop", "self.__shutdown_request = True"),
    ("timed_out", "handle_timeout", None, 1, "timed out", "within the timeout", "return self.handle_timeout()"),
    ("timed_out", "get_request", None, 0, "timed out", "Nobody came", "return self.handle_timeout()"),
    ("still_waiting", "handle_timeout", None, 0, "no timeout", "waits for ever", "timeout = self.timeout"),
    ("shutdown_from_within", "shutdown", None, 1, "shutdown from within", "another thread", "__is_shut_down.wait()"),
    ("shutdown_without_a_loop", "shutdown", None, 1, "shutdown without a loop", "has ever run",
     "__is_shut_down.wait()"),
    ("shutdown_twice", "serve_forever", None, 2, "told before it began", "Its flag stayed set", "while not"),
    ("actions_raised", "serve_forever", None, 1, "ended by service_actions", "ValueError", "self.service_actions()"),
    ("interrupted", "serve_forever", None, 1, "interrupted", "KeyboardInterrupt came", "selector.select("),
    ("with_block", "shutdown", None, 0, "with does not stop", "calls server_close() and nothing",
     "self.server_close()"),
    # Threads and children.
    ("threads", "thread", 1, 1, "own thread", "as many as there are requests", "t.start()"),
    ("threads", "server_close", None, 1, "joins threads", "joins every thread", "self._threads.join()"),
    ("threads", "child", None, 0, "other mix-in: threads", "gets a thread", "t.start()"),
    ("mix_in_behind", "thread", 1, 0, "mix-in behind", "Behind, TCPServer, BaseServer, ThreadingMixIn",
     "finish_request("),
    ("mix_in_behind", "process_request", 1, 1, "mix-in behind", "mix-in in front", "self.finish_request("),
    ("served_once", "thread", 1, 0, "no mix-in", "without ThreadingMixIn", "self.finish_request("),
    ("served_once", "fork", None, 0, "no mix-in", "without ForkingMixIn", "self.finish_request("),
    ("forked", "child", 1, 1, "own child", "two processes", "pid = os.fork()"),
    ("forked", "close_request", 1, 2, "parent and child", "its own copy", "self.close_request(request)"),
    ("forked", "handle", 1, 1, "in a copy", "child 1", "pid = os.fork()"),
    ("forked", "thread", 1, 0, "other mix-in: children", "gets a process", "pid = os.fork()"),
    ("forked", "server_close", None, 1, "joins children", "every child has ended", "collect_children(blocking="),
    ("zombie", "collect_children", None, 0, "nobody collects", "zombies", "self.collect_children()"),
    ("too_many_children", "collect_children", None, 2, "too many children", "allows (1)", "while len("),
    ("no_thread_left", "handle", 1, 0, "no thread to be had", "one more thread", "t.start()"),
    ("no_thread_left", "server_close", None, 1, "never started", "before it is started", "self._threads.append(t)"),
    ("no_process_left", "child", 1, 0, "no fork to be had", "one more process", "pid = os.fork()"),
    ("parent_hung_up", "handle", 1, 1, "parent hung up", "for both processes", "self.close_request(request)"),
    ("shutdown_in_a_child", "shutdown", None, 1, "shutdown in a child", "set in the copy", "__is_shut_down.wait()"),
    ("threads_not_joined", "server_close", None, 1, "threads not joined", "block_on_close is False",
     "if self.block_on_close:"),
    ("daemon_threads", "server_close", None, 1, "daemon threads", "cut off", "if thread.daemon:"),
    ("daemon_threads", "server_close", None, 1, "connections live on", "no connection", "self.socket.close()"),
    ("socket_was_closed", "handle", 1, 1, "socket was closed", "one socket", "super().server_close()"),
    # The end.
    ("served_once", "shutdown_request", 1, 1, "end of the stream", "only now", "request.shutdown(socket.SHUT_WR)"),
    ("unread", "close_request", 1, 1, "unread bytes", "alice was reset", "request.close()"),
    ("closed_more_than_once", "server_close", None, 2, "closed more than once", "harmless", "self.socket.close()"),
    ("left_open", "server_close", None, 0, "never closed", "the port is still open", "self.server_close()"),
    ("half_a_line", "finish", 1, 0, "not yet", "has not ended yet", "self.handle()"),
    ("process_not_handed_on", "handle", 1, 0, "your process_request", "did not come to handle()",
     "self.process_request("),
    ("finish_of_its_own", "handler", 1, 0, "your finish_request", "made no handler", "self.finish_request("),
    ("constructor_of_its_own", "handle", 1, 0, "your constructor", "did not come to handle()", "RequestHandlerClass("),
    ("goodbye_of_its_own", "close_request", 1, 0, "your shutdown_request", "close_request()", "self.shutdown_request("),
    ("actions_of_its_own", "collect_children", None, 0, "your service_actions", "collect_children()",
     "service_actions()"),
    ("process_raised", "finish_request", 1, 0, "yours raised", "before it got so far", "self.process_request("),
    ("pool", "process_request", 1, 1, "handed on", "in Thread 1, and not in main", "self.process_request("),
    # Datagrams.
    ("datagram", "get_request", 1, 1, "no accept", "each datagram is a request", "self.socket.recvfrom("),
    ("datagram", "finish", 1, 1, "reply at the end", "5 bytes", "self.socket.sendto("),
    ("datagram", "close_request", 1, 1, "nothing to close", "the server's own", "pass"),
    ("datagram", "server_activate", None, 1, "nothing to activate", "nothing to listen for", "pass"),
    ("stream_handler", "setup", 1, 1, "request is a pair", "made for streams", "return (data, self.socket)"),
    ("recv_of_a_pair", "handle", 1, 1, "request is a pair", "'tuple' object", "return (data, self.socket)"),
    ("cut_short", "get_request", 1, 1, "cut short", "12 bytes and 4 bytes", "self.max_packet_size"),
    ("empty", "get_request", 1, 1, "empty datagram", "like any other", "self.socket.recvfrom("),
    ("empty", "finish", 1, 1, "reply at the end", "nothing was written", "self.socket.sendto("),
    ("half_an_answer", "finish", 1, 1, "reply at the end", "even though handle() raised", "self.socket.sendto("),
    ("too_long_an_answer", "finish", 1, 1, "no reply could be sent", "one datagram", "self.socket.sendto("),
    ("no_address", "finish", 1, 1, "no reply could be sent", "no address of its own", "self.client_address"),
    # Streams.
    ("half_a_line", "handle", 1, 1, "half a line", "alice has sent 5 bytes", "self.rfile ="),
    ("half_a_line", "handle", 1, 1, "waits for ever", "timeout is None", "if self.timeout is not None:"),
    ("end_read", "handle", 1, 1, "end was read", "the end of the stream", "self.rfile ="),
    ("both_wait", "handle", 1, 1, "both wait", "handle() waits for alice", "self.handle()"),
    ("two_sends_one_recv", "handle", 1, 1, "no messages", "5 and 5 bytes, and pieces of 10", "self.socket.accept()"),
    ("sent_at_the_end", "finish", 1, 1, "sent at the end", "wbufsize is -1", "self.wfile.flush()"),
    ("client_gone", "handle", 1, 1, "client had gone", "ConnectionResetError", "self._sock.sendall("),
    ("silent_client", "handle_error", 1, 1, "timed out", "timeout=0.05", "self.connection.settimeout("),
    ("nagle_on_unix", "setup", 1, 1, "no such option", "an option of TCP", "if self.disable_nagle_algorithm:"),
    ("already_read", "handle", 1, 1, "already read", "keeps the rest", "self.rfile ="),
]  # fmt: skip


def _skip_where_it_cannot_be(name: str) -> None:
    if name in NEED_FORK and not hasattr(os, "fork"):
        pytest.skip("this system has no os.fork")
    if name in NEED_UNIX and not sys.platform.startswith("linux"):
        pytest.skip("this is known of Linux only")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}-{row[4]}")
def test_each_thing_that_can_happen_has_its_reason(row: tuple[str, str, int | None, int, str, str, str]) -> None:
    """The rule for what happened answers, with its words, how often the hook ran, and the deciding line."""
    name, hook, connection, times, rule, words, line = row
    _skip_where_it_cannot_be(name)

    explanation = explain(trace(name), hook, connection=connection)
    reasons = [reason for reason in explanation.reasons if reason.rule == rule]

    assert explanation.times == times
    assert len(reasons) == 1, explanation.text()
    assert words in str(reasons[0])
    assert any(line in (decides.text or "") for decides in reasons[0].lines)
    assert explanation.text().count(f"  # {reasons[0].lines[0].function} in socketserver.py")


def test_every_rule_is_shown_by_a_conversation() -> None:
    """No rule stands there that the table has no conversation for; the one that spins has a test of its own."""
    assert {rule.name for rule in RULES} - {row[4] for row in TABLE} == {"closed while serving"}


def test_a_loop_whose_socket_was_closed_spins_again_and_again() -> None:
    """How often such a loop fails depends on the clock, so no number is told."""
    explanation = explain(trace("closed_while_serving"), "get_request")

    assert explanation.rules == ("closed while serving",)
    assert explanation.verdict == "get_request() ran again and again."
    assert "spins until shutdown()" in explanation.text()


@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
def test_every_hook_has_an_answer_whatever_happened(name: str) -> None:
    """After each conversation every hook has a verdict and a reason, none of them twice, and no address in memory."""
    _skip_where_it_cannot_be(name)
    for key in [*KEYS, "thread", "child", "handler"]:
        explanation = explain(trace(name), key)

        assert explanation.verdict.endswith(".")
        assert explanation.reasons, key
        assert len({str(reason) for reason in explanation.reasons}) == len(explanation.reasons), explanation.text()
        assert " at 0x" not in explanation.text()


@pytest.mark.parametrize("key", [*KEYS, "thread", "child", "handler"])
def test_a_hook_that_did_not_run_is_explained_from_the_tables(key: str) -> None:
    """With nothing recorded at all there is still who calls the hook, from which line, and what it is for."""
    explanation = explain(Recording(), key)

    assert explanation.times == 0
    assert explanation.rules == ("lifecycle",) or key in {"shutdown", "server_close"}
    assert explanation.reasons[0].lines[0].text


UNUSUAL = {"fileno", "_handle_request_noblock", "handle_timeout", "handle_request", "process_request_thread"}
UNUSUAL |= {"handle_error", "collect_children"}


@pytest.mark.parametrize("key", [key for key in KEYS if key not in UNUSUAL])
def test_a_hook_that_ran_says_who_called_it(key: str) -> None:
    """An ordinary hook of an ordinary request is explained by its caller and by what it is for."""
    name = "with_block" if key in {"__enter__", "__exit__"} else "served_once"
    explanation = explain(trace(name), key)

    assert explanation.times == 1
    assert explanation.reasons[0].rule in {"lifecycle", "idle turns"}
    assert explanation.reasons[0].lines[0].text


@pytest.mark.parametrize("key", ["fileno", "_handle_request_noblock"])
def test_a_method_that_is_not_recorded_says_so(key: str) -> None:
    """Of the two methods that a trace does not have, nobody claims that they did not run."""
    assert explain(trace("served_once"), key).verdict.endswith(
        "is not recorded, so a trace does not say how often it ran."
    )


def test_a_question_without_a_connection_answers_for_each() -> None:
    """What holds for some connections only says for which, and the others get their own answer."""
    told = [str(reason) for reason in explain(trace("two_clients"), "handle").reasons]

    assert told[0].startswith("Connection 2: Your MyTCPServer.verify_request returned False")
    assert told[1].startswith("Connection 1: Your BaseShout.handle was called by BaseRequestHandler.__init__")


def test_the_text_has_numbers_of_lines_on_request_only() -> None:
    """The plain text is the same for every Python; with numbers it says where the running module has the line."""
    explanation = explain(trace("setup_raised"), "finish", connection=1)
    lines, first = inspect.getsourcelines(socketserver.BaseRequestHandler.__init__)
    number = first + next(at for at, text in enumerate(lines) if "self.setup()" in text)

    assert (
        str(explanation)
        == explanation.text()
        == (
            "finish() did not run for connection 1.\n"
            "- Your MyHandler.setup raised ValueError: boom. setup() stands before the try, so neither handle() nor "
            "finish() is called after that.\n"
            "      self.setup()  # BaseRequestHandler.__init__ in socketserver.py"
        )
    )
    assert explanation.text(numbers=True).endswith(f"in socketserver.py, line {number}")
    assert explanation.reasons[0].lines[0].file == "socketserver.py"


def _places() -> list[Place]:
    return [place for rule in RULES for place in rule.places] + [
        one for several in CALLED_FROM.values() for one in several
    ]


@pytest.mark.parametrize("place", _places(), ids=repr)
def test_every_line_is_in_the_running_socketserver(place: Place) -> None:
    """What a rule points at is there in this version of Python, in the function that it names."""
    if place.function.startswith("Forking") and not hasattr(os, "fork"):
        pytest.skip("this system has no os.fork")
    found = place.find()

    assert found.text is not None
    assert place.fragments[-1].strip() in found.text
    assert found.number


@pytest.mark.parametrize("place", [Place("BaseServer.serve_forever", "no such line"), Place("BaseServer.nothing", "x")])
def test_a_line_that_is_not_there_costs_the_line_only(place: Place) -> None:
    """Another version of Python may lack a line or a function; its name remains."""
    found = place.find()

    assert (found.number, found.text) == (None, None)
    assert found.shown(numbers=True) == f"# {place.function} in socketserver.py"


HOSTILE = "\x1b[31m<script>alert('1')</script>\u202e\n"


def test_what_the_program_says_is_shown_and_does_nothing() -> None:
    """An exception's message is data: no control reaches the terminal, and no markup the page."""
    hostile = one_request(socketserver.TCPServer, handler(setup=raising(ValueError(HOSTILE))), b"x")
    explanation = explain(hostile, "finish", connection=1)
    bundle = explanation._repr_mimebundle_()

    assert not set("\x1b\u202e") & set(explanation.text())
    assert bundle["text/plain"] == explanation.text()
    assert "<script>" not in bundle["text/html"]
    assert "&lt;script&gt;" in bundle["text/html"]
    assert "<pre><code>self.setup()" in bundle["text/html"]


def test_a_trace_from_a_file_is_explained_the_same(tmp_path: Path) -> None:
    """The rules ask the events and nothing else, so a file is as good as the server; so is the bare recording."""
    for name, hook in (("refused", "handle"), ("served_once", "handle_timeout"), ("mix_in_behind", "thread"),
                       ("two_clients", "close_request"), ("daemon_threads", "server_close")):  # fmt: skip
        recorded = trace(name)
        recorded.save(tmp_path / name)

        assert explain(load(tmp_path / name), hook) == explain(recorded, hook)
        assert explain(recorded.recording, hook) == explain(recorded, hook)
        assert explain(recorded.arrival(), hook) == explain(recorded, hook)


def test_a_trace_that_is_not_whole_says_so(tmp_path: Path) -> None:
    """What was let go or cut off is told, and nothing is said not to have run that may have run."""
    trace("served_once").save(tmp_path / "whole")
    lines = (tmp_path / "whole").read_text().split("\n")
    header = json.loads(lines[0]) | {"dropped": 7, "events": 9}
    (tmp_path / "part").write_text("\n".join([json.dumps(header), *lines[1:5], lines[5][:10]]))
    explanation = explain(load(tmp_path / "part"), "handle")

    assert explanation.verdict == "What is left of this trace has no handle()."
    assert "oldest 7 events" in explanation.text()
    assert "ends in the middle" in explanation.text()


def test_a_hook_without_a_connection_is_answered_for_the_server() -> None:
    """A loop belongs to no connection, and so it ran once whichever connection one asks for."""
    assert explain(trace("served_once"), "serve_forever", connection=1).verdict == "serve_forever() ran once."


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("finsh", "there is no hook named 'finsh'; the nearest names are finish"),
        ("\x1b[2J", r"there is no hook named '\\x1b\[2J'"),
        ("zzz", "a hook is named as its method"),
        ("__init__", "ask for 'server.__init__' or for 'handler.__init__'"),
        ("handler.get_request", "there is no hook named 'handler.get_request'"),
    ],
)
def test_a_name_that_is_no_hook_is_refused_in_a_sentence(asked: str, sentence: str) -> None:
    """A typo gets the nearest names, and a name that two have gets both."""
    with pytest.raises(LookupError, match=sentence):
        explain(trace("served_once"), asked)


def test_a_connection_that_is_not_there_is_refused_in_a_sentence() -> None:
    """The sentence says which connections there are."""
    with pytest.raises(LookupError, match=r"there is no connection 9 in this trace; there is 1 and 2\."):
        explain(trace("two_clients"), "handle", connection=9)
    with pytest.raises(LookupError, match="there is none at all"):
        explain(Recording(), "handle", connection=1)


def test_what_is_no_trace_is_refused_in_a_sentence() -> None:
    """A server in the place of its trace gets a sentence that shows how it is meant."""
    with pytest.raises(TypeError, match=r"explain\(\) takes a trace first"):
        explain("trace", "handle")
