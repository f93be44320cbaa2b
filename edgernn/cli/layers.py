"""``edgernn layers``."""

from __future__ import annotations

import click

from edgernn.cli.output import json_option, print_json, print_table, say, say_wrapped


@click.command()
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the layers of Keras that are supported, or say of NAME what it becomes and which rules it must keep."""
    from edgernn.converters.keras.document import activations, layers, rules

    known, kept = layers(), rules()
    if name is not None:
        known = tuple(each for each in known if name in each.names)
        if not known:
            raise _unknown(name)
        kept = tuple(rule for rule in kept if name in rule.layers or not rule.layers)
    if as_json:
        print_json(
            {
                "schema": "edgernn.layers",
                "version": 1,
                "layers": [{"names": each.names, "becomes": each.text} for each in known],
                "rules": [{"layers": rule.layers, "rule": rule.text, "advice": rule.advice} for rule in kept],
                "activations": activations(),
            }
        )
        return
    if name is not None:
        say_wrapped(f"{name}: {known[0].text}")
        for rule in kept:
            say_wrapped(f"- {rule.text} {rule.advice}")
        return
    print_layers()


def print_layers() -> None:
    """Every layer with what it becomes, and the activations."""
    from edgernn.converters.keras.document import activations, layers

    rows = [(each, layer.text) for layer in layers() for each in layer.names]
    print_table("", ("Layer", "What it becomes"), sorted(rows), prose=("What it becomes",))
    say()
    say_wrapped(f"Activations: {', '.join(activations())}.")
    say_wrapped("'edgernn layers NAME' lists a layer's rules.")


def _unknown(name: str) -> Exception:
    from edgernn.converters.keras.instead import instead_of
    from edgernn.converters.keras.known import SUPPORTED
    from edgernn.errors import InputError

    return InputError(f"layer: must be a supported one. Found: '{name}'.", hint=instead_of(name, SUPPORTED))
