"""Variables of the environment that autotl looks at."""

from __future__ import annotations

WEIGHTS_FOLDER = "AUTOTL_WEIGHTS_DIR"
"""A folder that files of weights are looked for in first, and downloaded into."""
