"""The screens, a file each; a big one is a folder."""
