"""What holds for every test."""

from __future__ import annotations

import os

# Before torch is loaded. Networks as small as those of tests lose more by handing work to threads than by doing it:
# beside another load on the same cores, ten times as much.
os.environ.setdefault("OMP_NUM_THREADS", "1")
