"""What people type and read: command lines, the terminal, signals, text."""
