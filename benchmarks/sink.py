"""An SMTP server that takes everything and keeps nothing: `python -m benchmarks.sink MS` prints its port.

Each of its answers takes MS milliseconds, as if it were that far away.
"""

import asyncio
import sys


class _Sink:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._say(writer, b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            match line[:4].upper():
                case b"EHLO":
                    await self._say(writer, b"250-sink\r\n250 8BITMIME\r\n")
                case b"DATA":
                    await self._say(writer, b"354 go on\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    await self._say(writer, b"250 taken\r\n")
                case b"QUIT":
                    await self._say(writer, b"221 bye\r\n")
                    break
                case _:
                    await self._say(writer, b"250 ok\r\n")
        writer.close()

    async def _say(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        if self._seconds:
            await asyncio.sleep(self._seconds)
        writer.write(answer)
        await writer.drain()


async def _main(milliseconds: float) -> None:
    sink = _Sink(milliseconds / 1000)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
