"""An SMTP server that takes everything and keeps nothing: `python -m benchmarks.sink MS` prints its port.

Each of its answers arrives MS milliseconds late, as if it were that far away; it reads on meanwhile, and
says so (PIPELINING) unless a second argument is given.
"""

import asyncio
import sys


class _Sink(asyncio.Protocol):
    def __init__(self, seconds: float, features: bytes) -> None:
        self._seconds, self._features = seconds, features
        self._heard = bytearray()
        self._content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        answers = bytearray()
        while (line := self._line()) is not None:
            answers += self._answer(bytes(line[:4]).upper())
        if answers:
            self._say(bytes(answers))

    def _line(self) -> bytearray | None:
        """Return a command or a whole content, if it is there."""
        end = b"\r\n.\r\n" if self._content else b"\r\n"
        at = self._heard.find(end)
        if at < 0:
            return None
        line = self._heard[: at + len(end)]
        del self._heard[: at + len(end)]
        return line

    def _answer(self, verb: bytes) -> bytes:
        if self._content:
            self._content = False
            return b"250 taken\r\n"
        match verb:
            case b"EHLO":
                return b"250-sink\r\n" + self._features + b"250 8BITMIME\r\n"
            case b"DATA":
                self._content = True
                return b"354 go on\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
            case _:
                return b"250 ok\r\n"

    def _say(self, answer: bytes) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def _main(milliseconds: float, features: bytes) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Sink(milliseconds / 1000, features), "127.0.0.1", 0, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1]), b"" if len(sys.argv) > 2 else b"250-PIPELINING\r\n"))
