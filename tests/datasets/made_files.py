"""Shared by the tests of data sets with files: wav files, what a folder holds, and a web server in this process."""

import http.server
import io
import threading
import wave
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np


def wav(samples, rate: int, channels: int = 1, bits: int = 16) -> bytes:
    """Integers as a wav file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, f"<i{bits // 8}").tobytes())
    return content.getvalue()


def contents(folder) -> dict[str, bytes]:
    """What a folder holds, hidden files too."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@contextmanager
def web_server(monkeypatch):
    """A web server: `files` maps paths to contents, others give 404; `asked` lists what was asked for."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    state = SimpleNamespace(files={}, asked=[], before=lambda: None)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.before()
            state.asked.append(self.path)
            if self.path not in state.files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(state.files[self.path])))
            self.end_headers()
            self.wfile.write(state.files[self.path])

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_port}/"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        running.shutdown()
        thread.join()
