"""The `fengqiao` command: one module per command or group of commands, registered here."""

import logging
import sys

import structlog
import typer

from services.cli.demo.command import demo
from services.cli.doctor import doctor
from services.cli.up import up

app = typer.Typer(
    name="fengqiao",
    help="Settles people's requests and disputes at the lowest tier that can.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, up, doctor):
    app.command()(command)


def main() -> None:
    """Runs the command line. Only errors are logged here: what a person should see, the commands print."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for noisy in ("kafka", "pymongo", "grpc"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    app()


if __name__ == "__main__":
    main()
