"""A server that answers one request at a time, as slowly as a test wants."""

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
INCOMPLETE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no"

# Seconds of work, and the answer after them.
Answer = tuple[float, bytes]


class SequentialServer:
    """Gives its answers in order, and repeats the last one."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = list(answers)
        self.lock = asyncio.Lock()

    def next_answer(self) -> Answer:
        if len(self.answers) == 1:
            return self.answers[0]
        return self.answers.pop(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection; an incomplete answer closes it."""
        answer = b""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while answer != INCOMPLETE:
                await reader.readuntil(b"\r\n\r\n")
                async with self.lock:
                    seconds, answer = self.next_answer()
                    await asyncio.sleep(seconds)
                    # In two parts, as a network may deliver it.
                    writer.write(answer[:20])
                    await writer.drain()
                    writer.write(answer[20:])
        writer.close()


@contextlib.contextmanager
def answering(*answers: Answer) -> Iterator[int]:
    """Serve in a thread; yield the port."""
    server = SequentialServer(answers)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        listener = runner.run(asyncio.start_server(server.serve, "127.0.0.1", 0))
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            loop.call_soon_threadsafe(listener.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
