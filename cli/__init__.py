"""The command line: one file per command group. Prints, never decides."""
