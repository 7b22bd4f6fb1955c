"""The commands, one per file; the table is in aegis/app/command.py."""
