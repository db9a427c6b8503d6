"""What a user installs: the wheel is complete, and the lock names no place to fetch from."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_contains_every_sql_file_and_playbook(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    sql = {f"automation_pipelines/{path.relative_to(ROOT)}" for path in ROOT.glob("sql/**/*.sql")}
    playbooks = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "automation_pipelines" / "playbooks").rglob("*")
        if path.suffix in {".yaml", ".html", ".txt"}
    }
    assert sql
    assert playbooks
    assert sql | playbooks <= packed


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if "==" in line]
    assert pinned
    assert lock.count("--hash=sha256:") >= len(pinned)
