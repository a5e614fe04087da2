import os
from pathlib import Path

import pytest

from deploy.local.errors import RuntimeFailed
from deploy.local.parts import Choice
from deploy.local.runtime import Options, Runtime, find_running
from deploy.local.supervisor import State
from tests.waiting import until

STUBS = dict.fromkeys(("intake", "notify"), "tests.integration.deploy.stub_service")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGQIAO_HOME", str(tmp_path / "home"))


def options(tmp_path: Path) -> Options:
    return Options(sites=tmp_path, parts=Choice.EMBEDDED, services=STUBS)


def pids(runtime: Runtime) -> set[int]:
    return {status.pid for status in runtime.statuses() if status.pid}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_copies_run_side_by_side_and_each_stops_only_itself(tmp_path: Path) -> None:
    said: list[str] = []
    with Runtime(options(tmp_path), said.append) as first:
        with Runtime(options(tmp_path)) as second:
            mine, theirs = first.running, second.running
            assert mine.data_dir != theirs.data_dir
            assert not {mine.kafka_bootstrap, *mine.rpc.values()} & {
                theirs.kafka_bootstrap,
                *theirs.rpc.values(),
            }
            assert {running.data_dir for running in find_running()} == {mine.data_dir, theirs.data_dir}
            ended = pids(second)
        assert not any(alive(pid) for pid in ended)
        assert all(alive(pid) for pid in pids(first))
        assert {status.state for status in first.statuses()} == {State.READY}
    assert find_running() == []
    assert any("broker and store start empty together" in line for line in said)


def test_a_killed_service_comes_back_on_its_port_and_the_runtime_file_says_so(tmp_path: Path) -> None:
    with Runtime(options(tmp_path)) as runtime:
        address = runtime.running.rpc["notify"]
        runtime.supervisor.kill("notify")
        until(lambda: runtime.supervisor.status("notify").restarts == 1, what="the restart")
        runtime.supervisor.wait_ready("notify")
        told = until(
            lambda: [running for running in find_running() if running.processes["notify"]["restarts"] == 1],
            what="the runtime file",
        )
        assert told[0].rpc["notify"] == address


def test_a_runtime_that_cannot_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    broken = Options(sites=tmp_path, parts=Choice.EMBEDDED, services={"intake": "tests.no_such_service"})
    runtime = Runtime(broken)
    with pytest.raises(RuntimeFailed, match=r"intake-migrate ended with 1[\s\S]*no_such_service"), runtime:
        pass
    assert not any(alive(status.pid) for status in runtime.statuses() if status.pid)
    assert find_running() == []


def test_a_lasting_store_is_refused_beside_a_broker_that_forgets(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_URL", store)
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    with (
        pytest.raises(RuntimeFailed, match="would remember what"),
        Runtime(Options(sites=tmp_path, services=STUBS)),
    ):
        pass
