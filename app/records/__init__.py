"""Session folders: written while a session runs, read whole or cut, recovered after a kill."""
