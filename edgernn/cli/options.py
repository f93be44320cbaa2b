"""Options that several commands have."""

from __future__ import annotations

import click

from edgernn.cli.values import PLACE

architecture_option = click.option(
    "--architecture",
    type=PLACE,
    help="Of a MODEL that holds only weights, the JSON of Keras's model.to_json().",
)
runtime_option = click.option(
    "--runtime", metavar="litert|micro|c", help="What runs the artifact.  [default: litert; c for a folder of C]"
)
