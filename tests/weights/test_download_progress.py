"""On a terminal a download shows how far it is."""

import os
import pty
import threading

from tests.support.hub import Hub
from tests.support.weights_runner import FILES, PATIENCE_S, Machine, content, ended

LAST = FILES[-1]


class Screen:
    """A terminal, read as long as somebody writes to it; `showing` is set once all `wanted` words
    have been there."""

    def __init__(self, *wanted: str) -> None:
        self._end, self.terminal = pty.openpty()
        self.showing, self._wanted, self._text = threading.Event(), wanted, ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._end, 4096):
                self._text += data.decode(errors="replace")
                if all(word in self._text for word in self._wanted):
                    self.showing.set()
        except OSError:  # how Linux says that nobody writes any more
            pass

    def close(self) -> None:
        self._reader.join(PATIENCE_S)
        os.close(self._end)


def test_a_terminal_shows_each_file_on_its_way_and_all_of_them(bare: Machine, hub: Hub) -> None:
    hub.stall[LAST.key] = len(content(LAST)) // 2
    screen = Screen("all files", LAST.path_in_set)
    settings = {"TERM": "xterm", "COLUMNS": "120", "HF_HUB_DOWNLOAD_TIMEOUT": "600"}
    process = bare.start_on(screen.terminal, ["download"], settings)
    os.close(screen.terminal)
    try:
        assert screen.showing.wait(PATIENCE_S)
        hub.release()
        done = ended(process)
    finally:
        process.kill()
        screen.close()
    assert done.status == 0 and bare.marked()
