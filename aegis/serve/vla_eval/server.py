"""Server: answers vla-eval's harness over WebSocket, as a model server of its own would.

What cannot be answered is an error of that step, which the harness writes down; a frame that is no
message ends the connection.
"""

from __future__ import annotations

import base64
import binascii

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request as HttpRequest

from aegis.core.errors import MessageError
from aegis.host.wire_access import SCHEME
from aegis.serve.responder import Responder
from aegis.serve.vla_eval.conversation import Conversation
from aegis.serve.vla_eval.messages import read_message
from aegis.serve.wire_server import WireServer

_REFUSED = 1011
_BASIC = "Basic "


class VlaEvalServer(WireServer):
    """Serves a responder to vla-eval's harness; see ``WireServer``."""

    health = "/health"
    healthy = '{"status": "ok"}\n'
    ping_period = None  # A benchmark that builds its world is silent for minutes.

    def find_token(self, request: HttpRequest) -> str:
        """Returns the token of a client: the harness can only put it into its address."""
        given = super().find_token(request)
        if not given.startswith(_BASIC):
            return given
        try:
            pair = base64.b64decode(given.removeprefix(_BASIC), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return f"{SCHEME}{pair.partition(':')[2]}"

    def name_client(self, socket: ServerConnection, number: int) -> str:
        """Returns a name of its own for each connection: a shard of the harness has one."""
        return f"connection {number}"

    async def serve_client(
        self, socket: ServerConnection, responder: Responder, number: int
    ) -> None:
        """Answers one message after the other."""
        client, settings = self.name_client(socket, number), self._settings
        conversation = Conversation(client, responder, settings.seed, self.counts)
        async for frame in socket:
            if self.is_ending:
                break
            self.clients.busy += 1
            try:
                message = read_message(frame, settings.message)
                reply = await conversation.answer_message(message)
                if reply is not None:
                    await self.send_frame(socket, reply)
            except MessageError as error:  # No message: whoever sent it speaks something else.
                await self.send_frame(socket, conversation.refuse(error, 0))
                await socket.close(_REFUSED, "refused: see the error")
                break
            finally:
                self.clients.busy -= 1
