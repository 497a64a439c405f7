from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from autotl.core.errors import ConfigError
from autotl.study.lock import study_lock

HOLD = """
import sys
from pathlib import Path
from sqlalchemy import create_engine
from autotl.study.lock import study_lock
with study_lock(create_engine(sys.argv[1]), "cells", Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_gets_a_clear_line_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        busy = pytest.raises(ConfigError, match="another search works on this study")
        with busy, study_lock(create_engine(url), "cells", tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with study_lock(create_engine(url), "cells", tmp_path):
        pass


def test_it_is_free_again_after_a_bug(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'study.db'}")
    with pytest.raises(ValueError, match="a bug"), study_lock(engine, "cells", tmp_path):
        raise ValueError("a bug")
    with study_lock(engine, "cells", tmp_path):
        assert (tmp_path / "study.db.lock").exists()
