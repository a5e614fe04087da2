"""Prometheus metrics: what an operator must see to know that no case is stuck."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from services.chassis.readiness import Readiness
from services.chassis.settings import Settings

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LATE = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 86400)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Every metric of the chassis, with its unit in the name."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """One set per registry; the process has one."""
        self.lag = Gauge("fengqiao_lag_records", "Records not yet handled", ["topic"], registry=registry)
        self.batch_size = Histogram(
            "fengqiao_batch_records", "Records per batch", buckets=SIZES, registry=registry
        )
        self.batch_seconds = Histogram(
            "fengqiao_batch_seconds", "Time per batch", buckets=FAST, registry=registry
        )
        self.commit_seconds = Histogram(
            "fengqiao_commit_seconds", "Time per bulk", buckets=FAST, registry=registry
        )
        self.commit_losers = Counter(
            "fengqiao_commit_losers", "Commits that lost their race", registry=registry
        )
        self.commits_unsure = Counter(
            "fengqiao_commits_unsure", "Bulks whose outcome was read again", registry=registry
        )
        self.store_failures = Counter(
            "fengqiao_store_failures", "Calls that the store did not answer", ["reason"], registry=registry
        )
        self.unacknowledged = Counter(
            "fengqiao_unacknowledged_records", "Records that the broker did not take", registry=registry
        )
        self.producers_replaced = Counter(
            "fengqiao_producers_replaced", "Broker clients begun anew", registry=registry
        )
        self.duplicates = Counter(
            "fengqiao_duplicates", "Events dropped since they had been applied", ["topic"], registry=registry
        )
        self.gaps = Counter(
            "fengqiao_gaps", "Events that came before their predecessors", ["topic"], registry=registry
        )
        self.behind = Gauge(
            "fengqiao_behind_aggregates", "Aggregates behind a source topic", registry=registry
        )
        self.healed = Counter(
            "fengqiao_healed", "Times that an aggregate caught up with a topic", registry=registry
        )
        self.failing = Gauge(
            "fengqiao_failing_firings", "Aggregates whose firing fails and is tried again", registry=registry
        )
        self.unfired_seconds = Gauge(
            "fengqiao_unfired_seconds", "Since when the oldest due deadline waits", registry=registry
        )
        self.clock_skew_seconds = Gauge(
            "fengqiao_clock_skew_seconds", "Store's clock ahead of the process's", registry=registry
        )
        self.stalled_seconds = Gauge(
            "fengqiao_stalled_seconds", "Records wait, none was handled for so long", registry=registry
        )
        self.rebalances = Counter(
            "fengqiao_rebalances", "Times that partitions were handed out anew", registry=registry
        )
        self.floods = Counter(
            "fengqiao_floods", "Stops since too many aggregates fell behind", registry=registry
        )
        self.lateness_seconds = Histogram(
            "fengqiao_firing_lateness_seconds", "Firing time after due time", buckets=LATE, registry=registry
        )
        self.catch_up_abandoned = Counter(
            "fengqiao_catch_up_abandoned", "Sweeps begun before all was consumed", registry=registry
        )
        self.outbox_waiting = Gauge(
            "fengqiao_outbox_aggregates", "Outboxes that have waited", registry=registry
        )
        self.outbox_age_seconds = Gauge(
            "fengqiao_outbox_age_seconds", "Oldest waiting event", registry=registry
        )
        self.desk_told_seconds = Histogram(
            "fengqiao_desk_told_seconds",
            "From an urgent request's commit to the command desk's notice",
            buckets=LATE,
            registry=registry,
        )
        self.dead_letters = Counter(
            "fengqiao_dead_letters", "Records reported as dead", ["topic", "reason"], registry=registry
        )
        self.rpc_seconds = Histogram(
            "fengqiao_rpc_seconds", "Time per call", ["method", "code"], buckets=FAST, registry=registry
        )
        self.ready = Gauge("fengqiao_ready", "1 when ready", registry=registry)
        self.not_ready = Gauge(
            "fengqiao_not_ready", "1 while this is waited for", ["reason"], registry=registry
        )


METRICS = Metrics()


def serve(settings: Settings, readiness: Readiness) -> None:
    """Serve `/metrics` where the settings say (port 0: not at all), and keep the readiness gauges."""
    known: set[str] = set()

    def show() -> None:
        METRICS.ready.set(readiness.ready)
        now = {reason.code for reason in readiness.reasons}
        known.update(now)
        for code in known:
            METRICS.not_ready.labels(code).set(code in now)

    readiness.listen(show)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host)
