"""The command line: one module per command, named in the table of `edgernn.cli.main`."""
