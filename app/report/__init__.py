"""The report of a session: `write_report` makes it from a session folder, again at any time.

`model` reads what is told as plain numbers, `closing` whether the loop closed; `page` puts it on a
page, with the pictures of `charts`, the sentences of `words` and the figures of `research`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_report", "write_report"]


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into the session `folder` and return its path.

    In an encrypted folder it is encrypted too; `read_report` returns it readable.

    Raises
    ------
    RecordError
        `folder` is no session folder, or the report cannot be written there.
    """
    # Imported here, so that starting a session does not pay for a report that comes at its end.
    from app.records.reader import SessionReader
    from app.records.sink import replace_file
    from app.report.model import build_model
    from app.report.page import page
    from dsp.checks import RecordError

    reader = SessionReader(Path(folder))
    model = build_model(reader)
    path = Path(folder) / "report.html"
    try:
        replace_file(path, page(model).encode("utf-8", "replace"), reader.seal)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written: {error.strerror or error}; free the disk or copy the "
            "session folder to where writing is allowed."
        ) from error
    return path


def read_report(folder: Path) -> bytes:
    """Make the page of a session `folder` and return it, without a file.

    Raises
    ------
    RecordError
        `folder` is no session folder.
    """
    from app.records.reader import SessionReader
    from app.report.model import build_model
    from app.report.page import page

    return page(build_model(SessionReader(Path(folder)))).encode("utf-8", "replace")
