"""The walker of the lifecycle: its sentences, and the laws of the grammar that it walks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from socketserver_trace.lifecycle import (
    HANDLER_HOOKS,
    HANDLER_KINDS,
    LANES,
    PRODUCTIONS,
    SERVER_HOOKS,
    SERVER_KINDS,
    VIEWS,
    Call,
    Pattern,
    as_recorded,
    expected_next,
    lane_pattern,
    matches,
    parse,
    pattern,
    production,
    provider_of,
    violations,
)
from socketserver_trace.lifecycle.grammar import LEAF
from socketserver_trace.lifecycle.patterns import NEVER, NOTHING, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from socketserver_trace.lifecycle.grammar import Lane, Outcome, View

ENDS: tuple[Outcome, ...] = ("returned", "raised", "raised base")
OUTCOME_OF: dict[str, Outcome] = {"": "returned", "!": "raised", "!!": "raised base", "?": "false", "...": "open"}


def made(name: str, provider: str, outcome: Outcome = "returned", calls: Iterable[Call] = (), owner: str = "") -> Call:
    """A call; the owner is the one that has such a hook."""
    return Call(name, provider, owner or ("server" if name in SERVER_HOOKS else "handler"), outcome, tuple(calls))


def of(words: str, provider: str = "Mine") -> list[Call]:
    """Calls written in the notation of the patterns, made by the program's own code."""
    calls = []
    for text in words.split():
        name = name_of(text.removesuffix("..."))
        calls.append(made(name, provider, OUTCOME_OF[text[len(name) :]]))
    return calls


@pytest.mark.parametrize(
    ("caller", "calls", "sentence"),
    [
        (
            "BaseServer.serve_forever...",
            "get_request verify_request? process_request",
            (
                "process_request ran after verify_request had returned a false value: "
                "shutdown_request was expected in BaseServer.serve_forever"
            ),
        ),
        (
            "BaseServer.serve_forever...",
            "get_request process_request",
            (
                "process_request ran after get_request had returned: "
                "verify_request was expected in BaseServer.serve_forever"
            ),
        ),
        (
            "BaseServer.serve_forever",
            "get_request verify_request process_request! shutdown_request service_actions",
            (
                "shutdown_request ran after process_request had raised an exception: "
                "handle_error was expected in BaseServer.serve_forever"
            ),
        ),
        (
            "BaseServer.serve_forever!!",
            "get_request verify_request process_request!! handle_error",
            (
                "handle_error ran after process_request had raised an exception that is no Exception: "
                "shutdown_request was expected in BaseServer.serve_forever"
            ),
        ),
        (
            "BaseServer.serve_forever",
            "handle_timeout",
            "handle_timeout ran first: get_request or service_actions was expected in BaseServer.serve_forever",
        ),
        (
            "BaseServer.handle_request",
            "get_request verify_request process_request service_actions",
            (
                "service_actions ran after process_request had returned: nothing more was expected in "
                "BaseServer.handle_request"
            ),
        ),
        (
            "BaseServer.process_request",
            "finish_request",
            (
                "BaseServer.process_request returned too early: "
                "shutdown_request was expected after finish_request had returned"
            ),
        ),
        (
            "BaseServer.process_request",
            "finish_request!",
            "BaseServer.process_request returned although finish_request had raised an exception",
        ),
        (
            "BaseServer.process_request!",
            "finish_request shutdown_request",
            "BaseServer.process_request raised an exception although shutdown_request had returned",
        ),
        (
            "TCPServer.__init__",
            "server_activate server_bind",
            "server_activate ran first: server_bind was expected in TCPServer.__init__",
        ),
        (
            "ForkingMixIn.process_request...",
            "finish_request",
            "finish_request ran first: close_request was expected in ForkingMixIn.process_request",
        ),
        (
            "BaseServer.serve_forever",
            "get_request...",
            "get_request was still open when BaseServer.serve_forever had returned",
        ),
        (
            "BaseServer.serve_forever...",
            "get_request... verify_request",
            "verify_request ran while get_request was still open in BaseServer.serve_forever",
        ),
    ],
)
def test_a_wrong_order_is_refused_in_a_sentence(caller: str, calls: str, sentence: str) -> None:
    """The first illegal thing in a call is told in one sentence: what ran, after what, and what was expected."""
    provider, _, name = caller.partition(".")
    (outer,) = of(name, provider)
    assert violations([Call(outer.hook, provider, outer.owner, outer.outcome, tuple(of(calls)))]) == [sentence]


def test_a_handler_that_does_not_finish_is_refused() -> None:
    """A handler whose handle raised must still finish."""
    handler = made("__init__", "BaseRequestHandler", "raised", of("setup handle!"), "handler")
    assert violations([handler]) == [
        (
            "BaseRequestHandler.__init__ raised an exception too early: "
            "finish was expected after handle had raised an exception"
        )
    ]


def test_what_is_not_of_the_standard_library_may_call_anything() -> None:
    """An override is never wrong by itself: only what it calls is judged."""
    override = made("process_request", "Mine", calls=[made("handle_timeout", "BaseServer"), made("shutdown", "Mine")])
    assert production("Mine", "process_request") is None
    assert violations([override]) == []


def test_each_call_with_a_mistake_has_its_sentence() -> None:
    """Two calls with a mistake give two sentences, the outer one first."""
    inner = made("finish_request", "BaseServer", calls=of("shutdown_request"))
    outer = made("process_request", "BaseServer", calls=[inner])
    first, second = violations([outer])
    assert first.startswith("BaseServer.process_request returned too early")
    assert second.startswith("shutdown_request ran first")


@pytest.mark.parametrize(
    ("lane", "calls", "sentence"),
    [
        (
            "handler thread",
            "process_request_thread finish_request",
            (
                "finish_request ran after process_request_thread had returned: "
                "process_request_thread was expected in a handler thread"
            ),
        ),
        (
            "child",
            "finish_request! shutdown_request",
            "shutdown_request ran after finish_request had raised an exception: handle_error was expected in a child",
        ),
        (
            "child",
            "finish_request shutdown_request service_actions",
            "service_actions ran after shutdown_request had returned: nothing more was expected in a child",
        ),
    ],
)
def test_a_lane_has_its_own_order(lane: Lane, calls: str, sentence: str) -> None:
    """The top of a handler thread and of a forked child is judged; in other threads the program calls what it likes."""
    assert violations(of(calls), lane=lane) == [sentence]
    assert violations(of(calls), lane="thread") == []


def test_a_killed_child_is_legal() -> None:
    """A child that was killed while it handled has an open call and nothing else, and that is no violation."""
    handler = made("__init__", "BaseRequestHandler", "open", of("setup handle..."), "handler")
    assert violations([made("finish_request", "BaseServer", "open", [handler])], lane="child") == []


def test_calls_on_sockets_are_passed_over() -> None:
    """Calls of a socket that stand among the hooks are no hooks, and are not judged."""
    closing = made("close_request", "TCPServer", calls=[Call("close", "socket", "socket")])
    goodbye = [Call("shutdown", "socket", "socket"), closing]
    assert violations([made("shutdown_request", "TCPServer", calls=goodbye)]) == []


def test_a_super_call_may_lead_to_the_program() -> None:
    """The class behind super() may be the program's own, so what it calls stands in the mix-in's server_close."""
    close = made("server_close", "ForkingMixIn", calls=of("shutdown collect_children"))
    assert violations([close]) == []
    assert violations([close], "functions") != []


@pytest.mark.parametrize(("view", "lane"), [("all", "thread"), ("hooks", "socket")])
def test_an_unknown_view_or_lane_is_refused(view: str, lane: str) -> None:
    """A view or a lane that there is not is an error, and not silently legal."""
    with pytest.raises(ValueError, match="there is no view"):
        violations([], cast("View", view), cast("Lane", lane))


def test_what_comes_next_is_known() -> None:
    """An open call says what it may call next; nothing while its last call is open."""
    loop = made("serve_forever", "BaseServer", "open", of("get_request verify_request?"))
    assert expected_next(loop) == ("shutdown_request",)
    assert expected_next(made("serve_forever", "BaseServer", "open")) == ("get_request", "service_actions")
    assert expected_next(made("serve_forever", "BaseServer", "open", of("get_request..."))) == ()
    assert expected_next(made("handle", "Mine", "open")) == ()


@pytest.mark.parametrize("text", ["a (b", "a ]", "a b)", "[a | b", "a $ b", "| * a"])
def test_a_broken_pattern_is_refused(text: str) -> None:
    """Text that is not of the notation is an error."""
    with pytest.raises(ValueError, match="pattern"):
        parse(text)


# The laws


def test_every_pattern_can_be_walked() -> None:
    """Every function has at least one legal sequence for every end, in both views."""
    for provider, name in PRODUCTIONS:
        for view in VIEWS:
            assert all(pattern(provider, name, end, view) != NEVER for end in ENDS), (provider, name, view)


def regular_expression(of_pattern: Pattern) -> str:
    """The same pattern as a regular expression over words that end with a space: a second, independent machine."""
    if of_pattern.kind == "word":
        return r"\S+ " if of_pattern.text == "*" else re.escape(of_pattern.text) + " "
    parts = [regular_expression(part) for part in of_pattern.parts]
    if of_pattern.kind == "repeat":
        return f"(?:{parts[0]})*"
    return "".join(parts) if of_pattern.kind == "sequence" else f"(?:{'|'.join(parts)})"


def walks(of_pattern: Pattern) -> st.SearchStrategy[list[str]]:
    """Legal sequences of words."""
    if of_pattern.kind == "word":
        return st.just([] if of_pattern.text == "*" else [of_pattern.text])
    parts = [walks(part) for part in of_pattern.parts]
    if of_pattern.kind == "choice":
        return st.one_of(parts)
    some = st.lists(parts[0], max_size=3) if of_pattern.kind == "repeat" else st.tuples(*parts)
    return some.map(lambda found: [text for part in found for text in part])


COMPOSED = sorted(key for key, rule in PRODUCTIONS.items() if rule is not LEAF)
ANY_FUNCTION = st.tuples(st.sampled_from(COMPOSED), st.sampled_from(ENDS), st.sampled_from(VIEWS))


def caller(key: tuple[str, str], end: Outcome, words: Iterable[str]) -> Call:
    """A call with calls of these words, which are the program's own and so not judged themselves."""
    owner = "handler" if "Handler" in key[0] else "threads" if "Threads" in key[0] else "server"
    children = tuple(child_of(text, key[1], owner, "Mine") for text in words)
    return Call(key[1], key[0], owner, end, children)


def child_of(text: str, parent: str, owner: str, provider: str, calls: tuple[Call, ...] = ()) -> Call:
    """The call that a word of the grammar stands for."""
    name = name_of(text)
    outcome = OUTCOME_OF[text[len(name) :]]
    if name == "super":
        return Call(parent, provider, owner, outcome, calls)
    if name == "BaseServer.__init__":
        return Call("__init__", "BaseServer", "server", outcome, calls)
    if name == "handler.__init__":
        return Call("__init__", provider, "handler", outcome, calls)
    kind = "server" if name in SERVER_HOOKS else "handler" if name in HANDLER_HOOKS else "threads"
    return Call(name, provider, kind, outcome, calls)


@given(st.data(), ANY_FUNCTION)
def test_any_legal_walk_passes(data: st.DataObject, function: tuple[tuple[str, str], Outcome, View]) -> None:
    """Every sequence that the grammar makes is legal, and so is every beginning of it in a call that is still open."""
    key, end, view = function
    words = data.draw(walks(pattern(*key, end, view)))
    assert violations([caller(key, end, words)], view) == []
    beginning = words[: data.draw(st.integers(0, len(words)))]
    assert violations([caller(key, "open", beginning)], view) == []


@given(st.data(), ANY_FUNCTION)
def test_any_mutation_is_judged_as_a_regular_expression_would(
    data: st.DataObject, function: tuple[tuple[str, str], Outcome, View]
) -> None:
    """A walk with two neighbours swapped, or one left out, is refused exactly when it is not legal by chance."""
    key, end, view = function
    legal = pattern(*key, end, view)
    words = data.draw(walks(legal))
    assume(words)
    place = data.draw(st.integers(0, len(words) - 1))
    swapped = words[:place] + words[place : place + 2][::-1] + words[place + 2 :]
    for mutation in (swapped, words[:place] + words[place + 1 :]):
        accepted = bool(re.fullmatch(regular_expression(legal), "".join(f"{text} " for text in mutation)))
        assert matches(legal, mutation) == accepted
        assert (violations([caller(key, end, mutation)], view) == []) == accepted


@st.composite
def trees(draw: st.DrawFn, provider: str, name: str, outcome: Outcome, mro: tuple[str, ...]) -> tuple[Call, ...]:
    """The calls inside a function, and all that they call, as a server of this MRO could make them."""
    calls = []
    for text in draw(walks(pattern(provider, name, outcome, "functions"))):
        found = child_of(text, name, "server", "")
        child = found.provider or inner_provider(found, provider, text, mro)
        inside = () if child is None else draw(trees(child, found.hook, found.outcome, mro))
        calls.append(Call(found.hook, child or "Mine", found.owner, found.outcome, inside))
    return tuple(calls)


def inner_provider(found: Call, provider: str, text: str, mro: tuple[str, ...]) -> str | None:
    """The class whose method answers a call that a method of the provider makes."""
    if found.owner == "threads":
        return "_Threads"
    if found.owner == "handler":
        return provider_of(HANDLER_KINDS["StreamRequestHandler"], found.hook)
    return provider_of(mro[mro.index(provider) + 1 :] if text.startswith("super") else mro, found.hook)


@given(st.data(), st.sampled_from(sorted(SERVER_KINDS)), st.sampled_from(ENDS))
def test_the_view_of_hooks_follows_from_that_of_functions(data: st.DataObject, kind: str, end: Outcome) -> None:
    """Whatever a server may do by the grammar of functions is legal as the tracer records it."""
    mro = SERVER_KINDS[kind]
    for name in ("__init__", "serve_forever", "handle_request", "server_close", "__exit__"):
        provider = provider_of(mro, name)
        assert provider
        tree = Call(name, provider, "server", end, data.draw(trees(provider, name, end, mro)))
        assert violations([tree], "functions") == []
        assert violations(as_recorded([tree]), "hooks") == []


@given(st.data(), st.sampled_from(sorted(LANES)))
def test_any_beginning_of_a_lane_is_legal(data: st.DataObject, lane: str) -> None:
    """A lane is still going on, so that every beginning of a legal one is legal."""
    words = data.draw(walks(lane_pattern(cast("Lane", lane))))
    calls = [child_of(text, "", "", "Mine") for text in words[: data.draw(st.integers(0, len(words)))]]
    assert violations(calls, lane=cast("Lane", lane)) == []


def test_the_empty_pattern_takes_nothing() -> None:
    """Nothing is matched by no call, and never by nothing at all."""
    assert matches(NOTHING, [])
    assert not matches(NOTHING, ["setup"])
    assert not matches(NEVER, [])
