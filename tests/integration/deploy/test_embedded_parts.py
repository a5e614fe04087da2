import smtplib
import sys
from email.message import EmailMessage
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from pymongo import MongoClient

from deploy.local.mailbox import messages, repeats
from deploy.local.parts import Choice, Kind, brokers, stores, take, wanted
from deploy.local.ports import LOOPBACK, answers, free_port
from deploy.local.process import Spec
from deploy.local.supervisor import Supervisor
from tests.waiting import until


def test_the_session_broker_takes_and_gives_records(broker: str, topic_suffix: str) -> None:
    topic = f"parts.{topic_suffix}"
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    producer = KafkaProducer(bootstrap_servers=broker)
    producer.send(topic, b"value", key=b"key").get(10)
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    assert next(iter(consumer)).value == b"value"
    consumer.close()


def test_the_session_store_guards_a_replacement_by_version(store: str, database_name: str) -> None:
    with MongoClient[dict[str, object]](store) as client:
        cases = client[database_name]["cases"]
        cases.insert_one({"_id": "a", "version": 1})
        assert cases.replace_one({"_id": "a", "version": 1}, {"version": 2}).modified_count == 1
        assert cases.replace_one({"_id": "a", "version": 1}, {"version": 2}).matched_count == 0


def test_a_second_copy_of_the_parts_listens_elsewhere(broker: str, store: str, tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        second_broker = take(Kind.BROKER, wanted(Choice.EMBEDDED, brokers()), print).part
        second_store = take(Kind.STORE, wanted(Choice.EMBEDDED, stores()), print).part
        assert second_broker.start(supervisor, tmp_path) != broker
        assert second_store.start(supervisor, tmp_path) != store


def test_the_mailbox_keeps_each_message_under_its_id_and_shows_what_came_twice(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "mails"
    command = (sys.executable, "-m", "deploy.local.mailbox", "--port", str(port), "--dir", str(folder))
    with Supervisor() as supervisor:
        supervisor.start(
            Spec(
                name="mailbox",
                command=command,
                log=tmp_path / "log",
                ready=lambda: None if answers(port) else "nothing listens",
            )
        )
        supervisor.wait_ready("mailbox")
        message = EmailMessage()
        message["Message-ID"] = "<notify/1/email@fengqiao>"
        message["To"] = "resident@example.org"
        message.set_content("您的诉求已办结")
        with smtplib.SMTP(LOOPBACK, port) as client:
            client.send_message(message, "fengqiao@example.org")
            client.send_message(message, "fengqiao@example.org")
        until(lambda: len(messages(folder)) == 2, what="two files")
    assert [path.name for path in messages(folder)] == [
        "notify_1_email@fengqiao.2.eml",
        "notify_1_email@fengqiao.eml",
    ]
    assert len(repeats(folder)) == 1
