"""A study in PostgreSQL, on a server of the test's own; skipped where none can be started."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, get_storage
from optuna.testing.pytest_storages import StorageTestCase
from sqlalchemy import create_engine, text

from autotl.study.database import commit_without_waiting, connect_arguments
from autotl.study.quick_storage import QuickStorage, open_storage
from autotl.study.recommend import Recommendation
from tests.end_to_end.processes import LONG_SPACE, Place, autotl, read_until, run, started
from tests.shapes import TINY_SPACE
from tests.study.workers import COUNT, trials_of_workers

pytestmark = pytest.mark.slow

_SERVER_USER = "postgres"
"""Whom the server runs as where the tests run as root, which it refuses to."""


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else installed[-1].parent if installed else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database."""
    binaries = _binaries()
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is missing: pip install 'autotl[postgresql]'")
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("postgresql")
    as_user: list[str] = []
    if sys.platform != "win32" and os.geteuid() == 0:
        as_user = ["runuser", "-u", _SERVER_USER, "--"]
        # pytest's folders are closed to others.
        folder = Path(subprocess.check_output([*as_user, "mktemp", "-d"], text=True).strip())
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
    subprocess.run(
        [*as_user, str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "tester", "-A", "trust"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run([*control, "-o", options, "-l", str(folder / "log"), "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
        if as_user:
            subprocess.run([*as_user, "rm", "-r", str(folder)], check=True)


@pytest.fixture
def url(server: str) -> str:
    """Of an empty database of the test's own, with the driver that a search takes."""
    name = f"cells_{uuid.uuid4().hex}"
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
class TestWhatOptunaAsksOfAStorage(StorageTestCase):
    """Optuna's own tests; the storages that they make of a pickle they leave open."""

    @pytest.fixture
    def storage(self, url: str) -> Iterator[BaseStorage]:
        storage = open_storage(url, {})
        assert isinstance(storage, QuickStorage)
        yield get_storage(storage)
        storage.engine.dispose()
        gc.collect()


def test_workers_that_share_a_study_get_numbers_and_waiting_trials_of_their_own(url: str) -> None:
    trials, numbers = trials_of_workers(url, connect_arguments("postgresql"))
    assert len(trials) == len(set(trials)) == COUNT, "none is two workers'"
    assert numbers == list(range(COUNT)), "neither gap nor twin"


def test_a_commit_does_not_wait_for_the_disk_whatever_becomes_of_the_first_transaction(url: str) -> None:
    engine = create_engine(url)
    commit_without_waiting(engine)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.rollback()
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "off"
    engine.dispose()


def test_a_search_a_report_and_a_resume(server: str, tmp_path: Path) -> None:
    place = Place.make(tmp_path, TINY_SPACE)
    searched = run(place.search("--trials", "2", "--storage", server, "--json"))
    assert searched.returncode == 0, searched.stderr
    resumed = run(place.resume("--trials", "5", "--json"))
    assert resumed.returncode == 0, resumed.stderr
    assert Recommendation.model_validate_json(resumed.stdout).trials["total"] == 5
    assert run(autotl("report", str(place.out))).returncode == 0
    assert not (place.out / "study.db").exists()
    storage = optuna.storages.RDBStorage(server.replace("postgresql:", "postgresql+psycopg:"))
    assert len(optuna.load_study(study_name="tiny", storage=storage).trials) >= 5
    storage.engine.dispose()


def test_one_search_at_a_time_and_a_killed_one_is_taken_over(server: str, tmp_path: Path) -> None:
    place = Place.make(tmp_path, LONG_SPACE)
    with started(place.search("--name", "killed", "--storage", server)) as process:
        read_until(process, "trial 0")
        second = run(place.resume())
        assert second.returncode == 2
        assert "another search works on this study" in second.stderr
        process.kill()
        process.wait()
    assert run(place.resume("--budget", "0.1s")).returncode in (0, 3)
    (row,) = json.loads(run(autotl("trials", str(place.out), "--json")).stdout)
    assert (row["state"], row["reason"]) == ("killed", "its process died; another trial goes on")


def test_a_wrong_password_or_host_is_one_line(server: str, tmp_path: Path) -> None:
    place = Place.make(tmp_path, TINY_SPACE)
    ran = run(place.search("--storage", "postgresql://me:secret@localhost:1/none", "--trials", "1"))
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert "cannot connect" in ran.stderr
    assert "secret" not in ran.stderr
