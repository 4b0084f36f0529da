"""The command line: run a program traced, draw a saved trace, show a small example.

    python -m socketserver_trace run program.py
    python -m socketserver_trace run --output trace.svg -m http.server 0
    python -m socketserver_trace show trace.jsonl
    python -m socketserver_trace explain trace.jsonl handle_timeout
    python -m socketserver_trace demo

`run` runs a program as Python itself would, with the classes of `socketserver` traced, and draws what its servers did
when the program ends, by Ctrl-C too. What is drawn, and how, is said by the name of the output file.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from socketserver_trace.assembly import assemble
from socketserver_trace.fronts import dropped_in
from socketserver_trace.recorder import DEFAULT_CAP, Recorder, sharing
from socketserver_trace.trace import Trace, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

FORMS = {".txt": "text", ".svg": "svg", ".mmd": "Mermaid", ".html": "HTML", ".jsonl": "JSON Lines, to load again"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the status with which the process ends."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except (OSError, ValueError) as error:
        print(f"socketserver_trace: {error}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="socketserver_trace", description="Trace and draw servers built on socketserver."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    forms = ", ".join(f"{suffix} ({form})" for suffix, form in FORMS.items())
    written = f"write to this file instead of the terminal: {forms}"

    run = commands.add_parser("run", help="run a program, traced, and draw what its servers did")
    run.add_argument("-o", "--output", type=_output, metavar="FILE", help=written)
    run.add_argument("--cap", type=int, default=DEFAULT_CAP, metavar="N", help="keep the newest N events (%(default)s)")
    run.add_argument("-m", dest="module", action="store_true", help="PROGRAM is the name of a module")
    run.add_argument("program", metavar="PROGRAM")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="the program's own arguments")
    run.set_defaults(command=_run)

    show = commands.add_parser("show", help="draw a trace that was saved")
    show.add_argument("-o", "--output", type=_output, metavar="FILE", help=written)
    show.add_argument("--arrival", action="store_true", help="in the order of the clock, not of cause and effect")
    show.add_argument("trace", metavar="TRACE")
    show.set_defaults(command=_show)

    why = commands.add_parser("explain", help="say why a hook ran, ran twice, or did not run")
    why.add_argument("-c", "--connection", type=int, metavar="N", help="for this connection only")
    why.add_argument("trace", metavar="TRACE")
    why.add_argument("hook", metavar="HOOK")
    why.set_defaults(command=_explain)

    demo = commands.add_parser("demo", help="serve one small request and draw it")
    demo.add_argument("-o", "--output", type=_output, metavar="FILE", help=written)
    demo.set_defaults(command=_demo)
    return parser


def _run(options: argparse.Namespace) -> int:
    recorder = Recorder(cap=options.cap)
    if not options.module and not Path(options.program).is_file():
        raise FileNotFoundError(f"there is no program {options.program!r} to run.")
    sys.argv = [options.program, *options.arguments]
    sys.path.insert(0, str(Path.cwd()) if options.module else str(Path(options.program).resolve().parent))
    try:
        with sharing(recorder), dropped_in():
            if options.module:
                runpy.run_module(options.program, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(options.program, run_name="__main__")
    finally:
        _write(Trace(assemble(recorder)), options.output, terminal=sys.stderr)
    return 0


def _show(options: argparse.Namespace) -> int:
    trace = load(options.trace)
    _write(trace.arrival() if options.arrival else trace, options.output, terminal=sys.stdout)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from socketserver_trace.explanations import explain

    try:
        print(explain(load(options.trace), options.hook, connection=options.connection).text(numbers=True))
    except LookupError as error:
        raise ValueError(str(error)) from None
    return 0


def _demo(options: argparse.Namespace) -> int:
    from socketserver import StreamRequestHandler, ThreadingTCPServer

    from socketserver_trace.serving import serve

    class Shout(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline().upper())

    with serve(ThreadingTCPServer, Shout) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive()
    _write(served.trace, options.output, terminal=sys.stdout)
    return 0


def _output(name: str) -> Path:
    path = Path(name)
    if path.suffix not in FORMS:
        raise argparse.ArgumentTypeError(f"the name must end in one of {', '.join(FORMS)}, and {name!r} does not")
    return path


def _write(trace: Trace, output: Path | None, *, terminal: TextIO) -> None:
    if output is None:
        print(trace.text(), file=terminal)
    elif output.suffix == ".jsonl":
        trace.save(output)
    else:
        output.write_text(_painted(trace, output.suffix), encoding="utf-8")


def _painted(trace: Trace, suffix: str) -> str:
    painter = {".txt": Trace.text, ".svg": Trace.svg, ".mmd": Trace.mermaid, ".html": Trace.html}[suffix]
    return painter(trace)


if __name__ == "__main__":
    sys.exit(main())
