"""The command line, as people call it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from socketserver_trace.__main__ import main
from tests.samples import sample

PROGRAM = """
import socketserver, sys

class Shout(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())

class Server(socketserver.TCPServer):
    def service_actions(self):
        raise SystemExit(int(sys.argv[1]))

with Server(("127.0.0.1", 0), Shout) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


def _run(*arguments: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "socketserver_trace", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return] # options of Popen


def _talk(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"hello\n")
        return client.recv(100)


def test_run_traces_a_program_that_nobody_changed(tmp_path: Path) -> None:
    """`run` runs the program as it is, keeps its output and its exit status, and draws what its server did."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    with _run("run", str(program), "3") as process:
        assert process.stdout is not None
        answer = _talk(int(process.stdout.readline()))
        _output, drawing = process.communicate(timeout=30)

    assert answer == b"HELLO\n"
    assert process.returncode == 3
    assert "Server with client 1" in drawing
    assert "service_actions()  ✗ SystemExit: 3" in drawing
    assert "Traceback" not in drawing


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_run_draws_a_module_that_is_stopped_by_ctrl_c(tmp_path: Path) -> None:
    """`run -m http.server` is traced too, and draws into a file when Ctrl-C ends it."""
    output = tmp_path / "trace.svg"
    options = ("--output", str(output), "-m", "http.server", "--bind", "127.0.0.1", "0")
    with _run("run", *options, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(" port ")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(15).startswith(b"HTTP/1.0 200 OK")
            while client.recv(65536):
                pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert "SimpleHTTPRequestHandler" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", ["txt", "svg", "mmd", "html", "jsonl"])
def test_show_paints_by_the_name_of_the_output(suffix: str, tmp_path: Path) -> None:
    """`show` draws a saved trace in the form that the file's name asks for."""
    saved, output = tmp_path / "trace.jsonl", tmp_path / f"drawing.{suffix}"
    sample("one_request").save(saved)

    assert main(["show", str(saved), "--output", str(output)]) == 0
    assert output.read_text(encoding="utf-8")
    if suffix == "jsonl":
        assert output.read_bytes() == saved.read_bytes()


def test_show_prints_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an output file the drawing goes to the terminal, in either order."""
    sample("one_request").save(tmp_path / "trace.jsonl")
    main(["show", str(tmp_path / "trace.jsonl")])
    causal = capsys.readouterr().out
    main(["show", "--arrival", str(tmp_path / "trace.jsonl")])

    assert causal == f"{sample('one_request')}\n"
    assert "In the order of arrival" in capsys.readouterr().out


def test_demo_draws_one_request(capsys: pytest.CaptureFixture[str]) -> None:
    """`demo` serves one request for real and shows it."""
    assert main(["demo"]) == 0
    assert "b'HELLO\\n'" in capsys.readouterr().out


def test_explain_says_why_with_the_line_that_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`explain` answers from a saved trace, with the number of the line in the running socketserver.py."""
    assert main(["demo", "--output", str(tmp_path / "demo.jsonl")]) == 0
    assert main(["explain", str(tmp_path / "demo.jsonl"), "handle_timeout"]) == 0
    said = capsys.readouterr().out

    assert said.startswith("handle_timeout() did not run.\n")
    assert re.search(r"BaseServer\.serve_forever in socketserver\.py, line [0-9]+\n", said)


def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, or not a trace, or a program that does not exist: one line, status 2, no traceback."""
    (tmp_path / "notes.txt").write_text("buy milk\n", encoding="utf-8")
    main(["demo", "--output", str(tmp_path / "demo.jsonl")])
    for arguments in (
        ["show", str(tmp_path / "gone.jsonl")],
        ["show", str(tmp_path / "notes.txt")],
        ["run", "gone.py"],
        ["explain", str(tmp_path / "demo.jsonl"), "hanlde"],
        ["explain", str(tmp_path / "demo.jsonl"), "handle", "--connection", "7"],
    ):
        status = main(arguments)
        error = capsys.readouterr().err

        assert status == 2
        assert error.startswith("socketserver_trace: ")
        assert error.count("\n") == 1


def test_an_output_of_an_unknown_form_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The name of the output says its form, and an unknown one is refused before anything runs."""
    with pytest.raises(SystemExit):
        main(["demo", "--output", "drawing.gif"])

    assert "must end in one of .txt, .svg, .mmd, .html, .jsonl" in capsys.readouterr().err
