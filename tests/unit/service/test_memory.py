"""A process that crashes leaves no picture of its memory."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_CRASH = """
import os, resource
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
{guard}
held = "canary: " + "the heron waits by the weir"
os.abort()
"""
_GUARD = "from shared.service.memory import no_core_dumps; no_core_dumps()"


def crash(guard: str, folder: Path) -> bool:
    """Whether the kernel says that it dumped core."""
    child = subprocess.Popen([sys.executable, "-c", _CRASH.format(guard=guard)], cwd=folder, env={"PYTHONPATH": str(ROOT)})
    _, status = os.waitpid(child.pid, 0)
    child.returncode = status
    assert os.WIFSIGNALED(status), "the child did not crash"
    return os.WCOREDUMP(status)


def test_a_crash_dumps_no_core(tmp_path: Path) -> None:
    assert not crash(_GUARD, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_control_does(tmp_path: Path) -> None:
    """Without the guard the same crash is dumped, wherever this machine lets anybody dump at all."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this machine allows no core dumps: RLIMIT_CORE's hard limit is 0")
    if not crash("", tmp_path):
        pytest.skip("this machine's core pattern drops every dump")


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_process_is_not_dumpable_and_its_children_have_no_room() -> None:
    code = f"{_GUARD}; import ctypes, resource; print(ctypes.CDLL(None).prctl(3), *resource.getrlimit(resource.RLIMIT_CORE))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["0", "0", "0"]


@pytest.mark.parametrize("entry", ["shared/service/run.py", "infra/embedded/__main__.py"])
def test_whoever_serves_asks_for_it_first(entry: str) -> None:
    assert "no_core_dumps()" in (ROOT / entry).read_text()
