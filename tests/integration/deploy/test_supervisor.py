import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import RuntimeFailed
from deploy.local.process import Spec
from deploy.local.supervisor import State, Supervisor
from tests.waiting import until

SLEEPER = (sys.executable, "-c", "import time; time.sleep(300)")


def spec(folder: Path, name: str = "sleeper", command: tuple[str, ...] = SLEEPER, **more: object) -> Spec:
    return Spec(name=name, command=command, log=folder / f"{name}.log", ready=lambda: None, **more)  # type: ignore[arg-type]  # keywords of Spec


def alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as started:
        yield started


def test_a_process_that_dies_is_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(spec(tmp_path))
    supervisor.wait_ready("sleeper")
    first = supervisor.status("sleeper").pid
    supervisor.kill("sleeper")
    until(lambda: supervisor.status("sleeper").restarts == 1, what="a restart")
    supervisor.wait_ready("sleeper")
    again = supervisor.status("sleeper")
    assert again.pid != first
    assert alive(again.pid)


def test_a_process_that_keeps_dying_is_restarted_ever_more_slowly(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(spec(tmp_path, "mayfly", (sys.executable, "-c", "raise SystemExit(3)")))
    until(lambda: supervisor.status("mayfly").restarts == 2, what="two restarts")
    kept = supervisor._kept["mayfly"]
    assert kept.delay >= 2.0
    until(lambda: supervisor.status("mayfly").reason == "ended with 3", what="its exit code as the reason")


def test_what_forgets_everything_with_its_death_is_not_restarted(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(spec(tmp_path, restart=False))
    supervisor.wait_ready("sleeper")
    supervisor.kill("sleeper")
    failed = until(supervisor.failed, what="the failure")
    assert failed.name == "sleeper"
    assert failed.reason == "killed by signal 9"
    assert failed.restarts == 0


def test_a_process_that_is_not_ready_in_time_fails_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start(
        Spec(
            name="mute",
            command=(sys.executable, "-u", "-c", "print('no licence found'); import time; time.sleep(300)"),
            log=tmp_path / "mute.log",
            ready=lambda: "says nothing",
            ready_within=0.7,
        )
    )
    with pytest.raises(RuntimeFailed, match=r"says nothing[\s\S]*no licence found"):
        supervisor.wait_ready("mute")


def test_a_ready_process_that_says_otherwise_later_shows_its_reason(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    answers: list[str | None] = [None]
    supervisor.start(
        Spec(name="moody", command=SLEEPER, log=tmp_path / "moody.log", ready=lambda: answers[-1])
    )
    supervisor.wait_ready("moody")
    answers.append("broker away")
    until(lambda: supervisor.status("moody").state is State.UNREADY, what="not ready")
    assert supervisor.status("moody").reason == "broker away"
    answers.append(None)
    until(lambda: supervisor.status("moody").state is State.READY, what="ready again")


def test_stopping_ends_what_was_started_with_its_children_and_nothing_else(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEPER)
    child_file = tmp_path / "child"
    parent = textwrap.dedent(f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        open({str(child_file)!r}, "w").write(str(child.pid))
        time.sleep(300)
    """)
    try:
        with Supervisor() as supervisor:
            supervisor.start(spec(tmp_path, "family", (sys.executable, "-c", parent)))
            until(lambda: child_file.exists() and child_file.read_text(), what="the child")
            pid = supervisor.status("family").pid
        child = int(child_file.read_text())
        until(lambda: not alive(pid) and not alive(child), what="the end of parent and child")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_stopped_process_is_not_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(spec(tmp_path))
    supervisor.start(spec(tmp_path, "other"))
    supervisor.wait_ready("sleeper", "other")
    supervisor.stop("sleeper")
    assert supervisor.status("sleeper").state is State.STOPPED
    assert supervisor.status("other").state is State.READY


def test_processes_end_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from deploy.local.process import Spec
        from deploy.local.supervisor import Supervisor
        with Supervisor() as supervisor:
            supervisor.start(Spec(
                name="sleeper", command=(sys.executable, "-c", "import time; time.sleep(300)"),
                log=Path({str(tmp_path)!r}) / "sleeper.log", ready=lambda: None,
            ))
            Path({str(told)!r}).write_text(str(supervisor.status("sleeper").pid))
            time.sleep(300)
    """)
    runtime = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    try:
        pid = int(until(lambda: told.read_text() if told.exists() else "", what="the process"))
        assert alive(pid)
    finally:
        runtime.send_signal(signal.SIGKILL)
        runtime.wait()
    until(lambda: not alive(pid), what="the end of the orphan")


def test_a_step_that_fails_says_so_with_the_end_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; print('no such index'); sys.exit(4)")
    with pytest.raises(RuntimeFailed, match=r"migrate ended with 4\nno such index"):
        supervisor.run(spec(tmp_path, "migrate", command))
