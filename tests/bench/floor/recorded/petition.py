"""The petition service, its store writes recorded."""

from tests.bench.floor.recorder import record

if __name__ == "__main__":
    record("services.petition")
