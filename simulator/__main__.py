"""`python -m simulator`: read the options, then serve until told to stop."""

import argparse
import sys

from simulator.config import Config
from simulator.server import serve


def parse_options(arguments: list[str]) -> Config:
    """Turn command line arguments into a Config; argparse ends the process on a bad one."""
    defaults = Config()
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Stand-ins for Twilio and Adobe Journey Optimizer over HTTP."
    )
    parser.add_argument("--host", default=defaults.host)
    parser.add_argument("--port", type=int, default=defaults.port, help="0: a free one (default: %(default)s)")
    parser.add_argument("--review-seconds", type=float, default=defaults.review_seconds)
    parser.add_argument("--message-seconds", type=float, default=defaults.message_seconds)
    parser.add_argument("--activation-seconds", type=float, default=defaults.activation_seconds)
    parser.add_argument(
        "--no-auto-submit",
        dest="auto_submit",
        action="store_false",
        help="leave new RCS senders in DRAFT until POST /_sim/senders/{sid}/submit",
    )
    parser.add_argument("--seed", type=int, default=None, help="makes SIDs repeatable")
    return Config(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(serve(parse_options(sys.argv[1:])))
