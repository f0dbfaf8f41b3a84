"""`make drill-restore`, as an operator runs it."""

import subprocess
import sys

from tests.e2e.embedded import ROOT


def test_the_client_stays_erased() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.operator.drill_restore"], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # the control: without the replay the erased keys are back
    assert "the restored backup holds the 5 erased keys again" in done.stdout
    assert done.stdout.rstrip().endswith("the client stays erased: the drill succeeded")
