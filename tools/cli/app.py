"""The Typer application with which every command registers."""

import typer

app = typer.Typer(
    name="vigil",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def vigil() -> None:
    """Train an autoencoder on normal signals and run it on a microcontroller."""
    # With a callback, an application that has loaded one command still expects its name.
