"""A stream handler that reads a line and answers in capitals, with a greeting first."""

import socketserver


class CapitalsHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"say something: ")
        data = self.rfile.readline()
        self.wfile.write(data.upper())


def main(talk):
    with socketserver.TCPServer(("127.0.0.1", 0), CapitalsHandler) as server:
        import threading

        thread = threading.Thread(target=server.handle_request)
        thread.start()
        answer = talk(server.server_address, b"hello\n")
        thread.join()
    return server, [answer]
