"""The audit log says who did what, and shows where somebody changed it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients import audit
from app.clients.database import sqlcipher
from app.clients.entries import Note
from app.clients.store import Store


def log_of(n: int) -> list[audit.AuditRow]:
    rows: list[audit.AuditRow] = []
    for number in range(1, n + 1):
        previous = rows[-1].hash if rows else ""
        row = audit.AuditRow(number, f"at {number}", "me", "opened", "", "", previous, "")
        rows.append(replace(row, hash=row.expected_hash()))
    return rows


@given(st.integers(1, 12), st.data())
def test_a_row_that_was_changed_or_taken_out_is_found(n: int, data: st.DataObject) -> None:
    log = log_of(n)
    assert audit.broken(log, n) == ""
    at = data.draw(st.integers(0, n - 1))
    name = data.draw(st.sampled_from(["at", "who", "what", "client", "detail", "hash"]))
    changed = [*log]
    changed[at] = replace(log[at], **{name: "x"})
    assert f"Row {at + 1} of the audit log is not as it was written." == audit.broken(changed, n)
    assert "is missing" in audit.broken(log[:at] + log[at + 1 :], n)  # the last one, too


def test_everything_that_is_done_is_in_the_log_and_nothing_of_what_was_entered(
    store: Store,
) -> None:
    client = store.new_client()
    store.add(client, Note("She dislikes the oboe"))
    number = store.begin_session(client, folder=None, source="synthetic", simulated=True)
    store.end_session(client, number, listener=b"x")
    store.key_of(client.key_id)
    store.note("exported", client=client)
    store.change_passphrase("another long one")
    store.destroy(client)
    rows, broken = store.audit()
    assert broken == ""
    assert [row.what for row in rows] == [
        "store made", "opened", "client made", "changed", "session begun", "session ended",
        "session opened", "exported", "passphrase changed", "deleted",
    ]  # fmt: skip
    told = " ".join(str(row) for row in rows)
    assert "oboe" not in told
    assert client.code not in told  # whom it was about is gone with the client
    assert rows[0].who == audit.user()


def test_the_database_itself_refuses_to_change_the_log(store: Store) -> None:
    for statement in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(sqlcipher().IntegrityError, match="only grows"):
            store._db.execute(statement)


def test_a_log_whose_guards_were_taken_away_is_still_seen_through(store: Store) -> None:
    store.new_client()
    store._db.execute("DROP TRIGGER audit_is_kept")
    store._db.execute("DELETE FROM audit WHERE number = 3")
    assert store.audit()[1] == "Row 3 of the audit log is missing."
