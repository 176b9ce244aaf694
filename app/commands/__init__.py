"""The commands, a file each; `command_line` finds the one that is asked for."""
