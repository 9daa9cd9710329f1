"""A host that one logs into: commands that come through a socket run on this machine, outside of any SIF.

It stands in for ssh where the user is root, who cannot log in anywhere. What ssh itself does is tested with ssh itself.
"""

from __future__ import annotations

import json
import socketserver
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SSH = """\
#!/usr/bin/env python
import json, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({socket!r})
    line.sendall(json.dumps([sys.argv[-1], sys.stdin.read()]).encode())
    line.shutdown(socket.SHUT_WR)
    status, out, err = json.load(line.makefile())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
"""


@contextmanager
def open_host(folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Hold such a host, whose users have these variables, and give the program that is called in place of ssh."""

    class Login(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            command, stdin = json.loads(self.rfile.read())
            done = subprocess.run(
                ["sh", "-c", command], env=environ, cwd="/", input=stdin, capture_output=True, text=True, check=False
            )
            self.wfile.write(json.dumps([done.returncode, done.stdout, done.stderr]).encode())

    ssh = folder / "ssh"
    ssh.write_text(SSH.format(socket=str(folder / "login")))
    ssh.chmod(0o755)
    with socketserver.ThreadingUnixStreamServer(str(folder / "login"), Login) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield ssh
        finally:
            server.shutdown()
            thread.join()
