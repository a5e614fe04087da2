"""The book keeps every run as it ends, and the report says what was measured, ratios first."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import plots, report
from tests.bench.book import Book, Item, Measured, Record, Section, read
from tests.bench.figures import FloorRun, HerdRun, Lateness, PeerRun, Run, SteadyRun, Used
from tests.bench.summary import Ratio, ratios, relative
from tests.bench.tables import cell, section

SYNC, NO_SYNC = "w=majority, j=true, sync on commit", "w=majority, j=true, no sync on commit"
OURS = Run(
    workload="E4-T",
    parts="programs",
    broker="Apache Kafka 4.2.1 (jars of Maven Central)",
    store="secantusd-rs on PATH",
    durability=SYNC,
    cases=20,
    clock_ms=50,
    load_before=0.5,
    rate=200,
    rate_settled=190,
    submit_p50_ms=1,
    submit_p99_ms=2,
    close_p50_ms=3,
    close_p99_ms=4,
    lateness=Lateness.of([1.0]),
    used={"intake": Used(2.5, 100), "store": Used(1.5, 50), "broker": Used(1, 300), "driver": Used(1, 90)},
    written={"routing.cases": 1.0},
    repeated_calls=0,
)
RESTATE = PeerRun(
    peer="restate",
    title="Restate",
    not_done="fan-out",
    durability="a log with fsync",
    fsync=True,
    cases=20,
    clock_ms=50,
    load_before=0.5,
    rate=50,
    submit_p50_ms=1,
    submit_p99_ms=2,
    close_p50_ms=3,
    close_p99_ms=4,
    used={"server": Used(5, 200)},
)
FLOOR = FloorRun(
    parts="programs",
    broker=OURS.broker,
    store=OURS.store,
    sync=True,
    cases=20,
    load_before=0.5,
    took_s={"store client": 0.04, "kafka client": 0.02},
    per_case={"records": 16.0},
    used={"store": Used(1, 50), "broker": Used(0.5, 300), "store client": Used(0.25, 30)},
)
HERD = HerdRun(
    parts="programs",
    broker=OURS.broker,
    store=OURS.store,
    durability=SYNC,
    deadlines=1_000,
    pace=50,
    load_before=0.5,
    drained_s=2.5,
    lateness=Lateness.of([100.0, 900.0]),
    late_ms=tuple(float(n) for n in range(1, 101)),
    submissions=100,
    submit_p50_ms=20,
    submit_p99_ms=300,
    used={},
)
STEADY = SteadyRun(
    parts="programs",
    broker=OURS.broker,
    store=OURS.store,
    durability=SYNC,
    pace=10,
    seconds=600,
    cases=6_000,
    load_before=0.5,
    points={"intake": ((0, 100), (300, 150), (600, 155)), "store": ((0, 100), (300, 100), (600, 100))},
)


def measured(*records: Record) -> Measured:
    return Measured("2026-01-31T00:00:00+00:00", "a machine", "as asked", records)


EVERYTHING = {
    "e4-t": measured(OURS, replace(OURS, rate=220), replace(OURS, durability=NO_SYNC, rate=300)),
    "e4-h": measured(HERD),
    "e4-s": measured(OURS, replace(OURS, stored=10_000, rate=180)),
    "e4-w": measured(OURS, replace(OURS, workers=2, rate=210)),
    "e4-c": measured(replace(OURS, killed=("intake", "routing"), violations=("lost",))),
    "memory": measured(STEADY),
    "floor": measured(OURS, FLOOR),
    "peers": measured(OURS, RESTATE, replace(OURS, rate=240), replace(RESTATE, rate=60)),
}


def making(record: Record, made: list[str], name: str) -> Item:
    def make() -> Record:
        made.append(name)
        return record

    return Item(name, make)


def test_a_measurement_that_was_interrupted_goes_on_where_it_stood(tmp_path: Path) -> None:
    made: list[str] = []

    def broken() -> Record:
        raise KeyboardInterrupt

    book = Book(tmp_path / "state.json", tmp_path / "bench.json", "a machine")
    first = making(OURS, made, "first")
    with pytest.raises(KeyboardInterrupt):
        book.run(Section("e4-t", "two", [first, Item("second", broken)]), print, report.told)
    assert not (tmp_path / "bench.json").exists()
    said: list[str] = []
    again = Book(tmp_path / "state.json", tmp_path / "bench.json", "a machine")
    again.run(Section("e4-t", "two", [first, making(RESTATE, made, "second")]), said.append, report.told)
    assert made == ["first", "second"]
    assert said[0] == "e4-t: 1 of 2 runs were done before"
    assert said[-1].endswith("e4-t: 2 of 2 runs done")
    assert read(tmp_path / "bench.json")["e4-t"].records == (OURS, RESTATE)


def test_what_is_asked_for_otherwise_begins_anew_and_another_section_stays(tmp_path: Path) -> None:
    made: list[str] = []
    book = Book(tmp_path / "state.json", tmp_path / "bench.json", "a machine")
    for name, asked in (("e4-t", "20 cases"), ("e4-h", "20 deadlines"), ("e4-t", "30 cases")):
        book.run(Section(name, asked, [making(OURS, made, asked)]), print, report.told)
    assert made == ["20 cases", "20 deadlines", "30 cases"]
    assert {name: found.asked for name, found in read(tmp_path / "bench.json").items()} == {
        "e4-t": "30 cases",
        "e4-h": "20 deadlines",
    }


@pytest.mark.parametrize("record", [OURS, RESTATE, FLOOR, HERD, STEADY], ids=lambda r: type(r).__name__)
def test_every_kind_of_record_is_told_and_read_back_as_it_was(record: Record, tmp_path: Path) -> None:
    book = Book(tmp_path / "state.json", tmp_path / "bench.json", "a machine")
    book.run(Section("e4-t", "one", [making(record, [], "one")]), print, report.told)
    assert read(tmp_path / "bench.json")["e4-t"].records == (record,)


def test_a_ratio_is_of_the_medians_of_the_same_invocation_and_the_same_durability() -> None:
    off = replace(RESTATE, fsync=False, rate=80)
    found = ratios(measured(OURS, RESTATE, replace(RESTATE, rate=60), off, replace(OURS, durability=NO_SYNC)))
    assert found == [
        Ratio("restate", fsync=True, theirs=55, ours=200),
        Ratio("restate", fsync=False, theirs=80, ours=200),
    ]
    assert (
        str(Ratio("restate", fsync=True, theirs=69.2, ours=235)) == "restate          69 cases/s  ours 3.4 x"
    )


def test_rates_with_closed_cases_are_relative_to_the_empty_store() -> None:
    runs = [OURS, replace(OURS, rate=220), replace(OURS, stored=10_000, rate=168)]
    assert relative(runs) == {0: 1.0, 10_000: 0.8}
    assert relative([replace(OURS, stored=10_000)]) == {}


def test_a_cell_is_the_median_and_its_ends_or_the_one_figure_there_is() -> None:
    assert cell([3.0, 1.0, 10.0], "{:.0f}") == "3 (1–10)"
    assert cell([3.0], "{:.0f}") == "3"


def test_a_table_has_a_column_for_each_set_of_parts() -> None:
    text = section("e4-t", EVERYTHING["e4-t"])
    heading = "| | Apache Kafka 4.2.1<br>secantusd-rs<br>sync on commit |"
    assert f"{heading} Apache Kafka 4.2.1<br>secantusd-rs<br>no sync on commit |" in text.replace(
        "|  |", "| |"
    )
    assert "| cases/s, first submission to last close | 210 (200–220) | 300 |" in text
    assert "| intake | 2.5 | 2.5 |" in text


def test_peers_are_told_with_what_they_leave_out() -> None:
    text = section("peers", EVERYTHING["peers"])
    assert "|  | restate<br>a log with fsync |" in text
    assert "- restate: Restate. Not done: fan-out." in text


def test_the_floor_stands_beside_ours_stage_by_stage() -> None:
    text = section("floor", EVERYTHING["floor"])
    assert "| cases/s | 500 | 200 |" in text
    assert "| CPU ms per case, store | 1.00 | 1.50 |" in text
    assert "| CPU ms per case, all | 1.75 | 6.00 |" in text


def test_the_report_goes_between_its_marks_summary_first_and_the_words_around_stay(tmp_path: Path) -> None:
    path = tmp_path / "bench.md"
    marks = "\n".join([*report.SUMMARY, "between", *report.FIGURES])
    path.write_text(f"before\n{marks}\nafter\n", encoding="utf-8")
    report.write(path, EVERYTHING)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith(f"{report.FIGURES[1]}\nafter\n")
    assert text.index("**4.0 ×**: 220 to 55 cases/s") < text.index("between") < text.index("### E4-T")
    assert "**40%** of 500 cases/s" in text
    assert "**1 violations** after 2 kills" in text
    assert "intake grows most, +1.00 MB a minute" in text
    report.write(path, EVERYTHING)
    assert path.read_text(encoding="utf-8") == text


def test_plots_are_drawn_of_what_there_is_and_the_same_again(tmp_path: Path) -> None:
    assert plots.draw(tmp_path, {}) == []
    assert plots.draw(tmp_path, EVERYTHING) == ["bench-stored", "bench-herd", "bench-cpu"]
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(first) == 6
    plots.draw(tmp_path, EVERYTHING)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
