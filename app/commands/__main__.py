"""`python -m app.commands`: the same as `attune`."""

import os
import sys

if __name__ == "__main__":
    # Ctrl-C may come while the rest is imported; `signal` itself would take long enough for that.
    import _signal  # type: ignore[import-not-found]

    def stopped(*_: object) -> None:
        """Say so and end, before there is anything to end well."""
        os.write(2, b"attune: stopped.\n")
        os._exit(2)

    heard = _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN  # as it is behind a shell's `&`
    if heard:
        _signal.signal(_signal.SIGINT, stopped)
    from app.commands.command_line import main

    def loaded() -> None:
        """From here on, Ctrl-C is the command's to handle."""
        if heard:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)

    sys.exit(main(loaded=loaded))
