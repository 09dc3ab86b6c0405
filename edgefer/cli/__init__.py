"""The command line: `main` is the program, one file a command."""
