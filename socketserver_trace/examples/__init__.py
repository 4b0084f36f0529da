"""The servers of the course: each is small, whole, and plain `socketserver` code to learn from.

    python -m socketserver_trace.examples.chat            serve, until Ctrl-C
    python -m socketserver_trace.examples.chat --trace    a short conversation with it, and its trace

The law: a server here knows the standard library, and what its protocol needs; it knows nothing of tracing. What all of
them share is the command line (`command`), and that alone knows how a trace is made.
"""
