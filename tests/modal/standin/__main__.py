"""`python -m tests.modal.standin FOLDER`: the server, with its files in an empty folder."""

import argparse
import asyncio
import faulthandler
import json
from collections import defaultdict
from pathlib import Path

from tests.modal.standin.server import Pace, Workspace, serve


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--grpc-port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--secret", action="append", default=[], metavar="NAME:KEY=VALUE")
    parser.add_argument("--replaced", type=json.loads, default={}, metavar="JSON")
    parser.add_argument("--grace-s", type=float, default=Pace.grace_s)
    parser.add_argument("--commit-interval-s", type=float, default=Pace.commit_interval_s)
    arguments = parser.parse_args()
    secrets: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for text in arguments.secret:
        name, _, pair = text.partition(":")
        key, _, value = pair.partition("=")
        secrets[name][key] = value
    pace = Pace(arguments.grace_s, arguments.commit_interval_s)
    ports = (arguments.grpc_port, arguments.http_port)
    faulthandler.enable()  # the handle ends a server that hangs with SIGABRT
    asyncio.run(serve(arguments.folder, ports, Workspace(secrets, arguments.replaced), pace))


if __name__ == "__main__":
    main()
