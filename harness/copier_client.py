"""Has `copier_server` run a command: `python -IS copier_client.py SOCKET -m ...`."""

import json
import os
import socket
import sys


def main() -> int:
    name, *arguments = sys.argv[1:]
    command = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(name)
        line = f"{json.dumps(command)}\n".encode()
        sent = socket.send_fds(connection, [line], [0, 1, 2])
        connection.sendall(line[sent:])
        code = connection.recv(10)
    # Empty if the process was killed.
    return int(code or 1)


if __name__ == "__main__":
    sys.exit(main())
