"""The real recordings that lie beside the repository, where they do."""

import os
from pathlib import Path

_named = os.environ.get("ATTUNE_DATA")
DATA = Path(_named) if _named else Path(__file__).resolve().parents[3] / "shared" / "data"
TONES = sorted((DATA / "eeg" / "muse_tones").glob("*.npz"))
AM = sorted((DATA / "eeg" / "muse_am").glob("*.npz"))
SILENT = sorted((DATA / "eeg" / "muse_no_sound").glob("*.npz"))
