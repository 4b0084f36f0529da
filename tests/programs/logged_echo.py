"""Every hook overridden by hand, each calling its base class by name, as tutorials of the old school do."""

import socketserver
import threading

log = []
closed = threading.Event()


class Handler(socketserver.BaseRequestHandler):
    def __init__(self, request, client_address, server):
        log.append("handler __init__")
        socketserver.BaseRequestHandler.__init__(self, request, client_address, server)

    def setup(self):
        log.append("setup")
        return socketserver.BaseRequestHandler.setup(self)

    def handle(self):
        log.append("handle")
        data = self.request.recv(1024)
        self.request.send(data)

    def finish(self):
        log.append("finish")
        return socketserver.BaseRequestHandler.finish(self)


class Server(socketserver.TCPServer):
    def __init__(self, server_address, handler_class=Handler):
        log.append("__init__")
        socketserver.TCPServer.__init__(self, server_address, handler_class)

    def server_activate(self):
        log.append("server_activate")
        socketserver.TCPServer.server_activate(self)

    def serve_forever(self, poll_interval=0.5):
        log.append("serve_forever")
        socketserver.TCPServer.serve_forever(self, poll_interval)

    def handle_request(self):
        log.append("handle_request")
        return socketserver.TCPServer.handle_request(self)

    def verify_request(self, request, client_address):
        log.append("verify_request")
        return socketserver.TCPServer.verify_request(self, request, client_address)

    def process_request(self, request, client_address):
        log.append("process_request")
        return socketserver.TCPServer.process_request(self, request, client_address)

    def server_close(self):
        log.append("server_close")
        return socketserver.TCPServer.server_close(self)

    def finish_request(self, request, client_address):
        log.append("finish_request")
        return socketserver.TCPServer.finish_request(self, request, client_address)

    def close_request(self, request_address):
        log.append("close_request")
        socketserver.TCPServer.close_request(self, request_address)
        closed.set()

    def shutdown(self):
        log.append("shutdown")
        return socketserver.TCPServer.shutdown(self)


def main(talk):
    server = Server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    answer = talk(server.server_address, b"hello")
    closed.wait()
    server.shutdown()
    thread.join()
    server.server_close()
    return server, [answer, *log]
