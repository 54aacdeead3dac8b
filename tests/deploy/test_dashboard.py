"""The configurations of deploy/: from a broker to a dashboard, each read or run."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.broker import Subscriber, mosquitto
from tests.support.postgres import Database, postgres
from tests.support.waiting import PATIENCE
from tests.tools.monitor.test_mqtt_schema import PUBLISHED
from tools.checkout import ROOT

DEPLOY = ROOT / "deploy"
SCHEMA = json.loads((ROOT / "docs" / "schema" / "mqtt.json").read_text())["$defs"]
SQL = (DEPLOY / "database.sql").read_text()
CONSUMERS = tomllib.loads((DEPLOY / "telegraf.conf").read_text())["inputs"]["mqtt_consumer"]
DASHBOARD = json.loads((DEPLOY / "grafana" / "vigil.json").read_text())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
KINDS = {"integer": "int", "number": "float", "boolean": "bool", "string": "string"}
SQL_KINDS = {"int": "bigint", "float": "double precision", "bool": "boolean", "string": "text"}


def tables() -> dict[str, dict[str, str]]:
    """Columns and types of each table."""
    return {
        name: dict(re.findall(r'^ +"?(\w+)"? ([a-z ]+?)(?: NOT NULL)?,?$', body, re.MULTILINE))
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", SQL, re.DOTALL)
    }


def test_the_services_have_a_version_and_every_file_that_they_mount() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"mosquitto", "database", "telegraf", "grafana"}
    for service in services.values():
        assert re.search(r":[0-9]+\.[0-9.]+", service["image"])
        assert set(service.get("depends_on", [])) <= set(services)
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), volume


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda c: c["name_override"])
def test_telegraf_reads_fields_that_are_published_into_columns_that_exist(
    consumer: dict[str, Any],
) -> None:
    topic = consumer["name_override"]
    assert consumer["topics"] == [f"vigil/+/{topic}"] == [consumer["topic_parsing"][0]["topic"]]
    assert consumer["persistent_session"] and consumer["qos"] == 1
    (form,) = consumer["json_v2"]
    properties = SCHEMA[topic]["properties"] | SCHEMA["stamp"]["properties"]
    required = {*SCHEMA[topic]["required"], *SCHEMA["stamp"]["required"]}
    columns = {"time": "timestamptz", "board": "text"}
    for field in form["field"]:
        assert field["path"] in required
        assert KINDS[properties[field["path"]]["type"]] == field["type"]
        columns[field["path"]] = SQL_KINDS[field["type"]]
    assert form["timestamp_path"] in required and form["timestamp_format"] == "unix_ms"
    assert tables()[topic] == columns


def test_every_table_has_its_consumer_with_a_session_of_its_own() -> None:
    assert sorted(c["name_override"] for c in CONSUMERS) == sorted(tables())
    assert len({c["client_id"] for c in CONSUMERS}) == len(CONSUMERS)


def test_grafana_finds_the_dashboard_and_its_database() -> None:
    (source,) = yaml.safe_load((DEPLOY / "grafana" / "datasource.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((DEPLOY / "grafana" / "dashboards.yaml").read_text())["providers"]
    mounts = [v.split(":")[1] for v in COMPOSE["services"]["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/vigil.json" in mounts
    assert source["url"] == "database:5432"
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.broker
def test_mosquitto_takes_its_configuration(tmp_path: Path) -> None:
    text = (DEPLOY / "mosquitto.conf").read_text()
    assert "\npersistence true\n" in text
    lines = text.replace("/mosquitto/data/", f"{tmp_path}/").replace("listener 1883\n", "")
    with mosquitto(tmp_path, lines) as port:
        Subscriber(port).close()
    assert (tmp_path / "mosquitto.db").exists()


@pytest.mark.broker
def test_the_rights_of_the_page_leave_measuring_and_commanding_apart(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "gateway.md").read_text()
    (rights,) = re.findall(r"```\n(user .*?)```", page, re.DOTALL)
    (tmp_path / "acl").write_text(rights)
    for name in re.findall(r"^user (\w+)$", rights, re.MULTILINE):
        command = ["mosquitto_passwd", "-b", *(["-c"] if name == "gateway" else [])]
        subprocess.run([*command, tmp_path / "passwords", name, name], check=True)
    files = f"password_file {tmp_path / 'passwords'}", f"acl_file {tmp_path / 'acl'}"
    with mosquitto(tmp_path, "allow_anonymous false", *files) as port:
        gateway = Subscriber(port, "vigil/+/command", user="gateway")
        telegraf = Subscriber(port, "vigil/#", user="telegraf")
        operator = Subscriber(port, "vigil/#", user="operator")
        for client, topic in (
            (operator, "vigil/one/score"),  # refused
            (telegraf, "vigil/one/command"),  # refused
            (operator, "vigil/one/command"),
            (gateway, "vigil/one/score"),
        ):
            client.client.publish(topic, "x", qos=1).wait_for_publish(PATIENCE)
        telegraf.wait(lambda s: s.of("vigil/one/score"))
        gateway.wait(lambda s: s.heard)
        assert [m.topic for m in telegraf.heard] == ["vigil/one/command", "vigil/one/score"]
        assert len(gateway.heard) == 1
        for client in (gateway, telegraf, operator):
            client.close()


ROWS = """
INSERT INTO score (time, board, stream, "index", score, threshold, flag, alarm)
    VALUES (now(), 'one', 1, 7, 0.9, 0.5, true, true),
    (now(), 'one', 1, 7, 0.9, 0.5, true, true),
    (now(), 'one', 2, 7, 0.1, 0.5, false, false);
INSERT INTO alarm VALUES (now() - interval '1 minute', 'one', 1, 1, false);
INSERT INTO alarm VALUES (now(), 'one', 1, 7, true);
INSERT INTO drift VALUES (now(), 'one', 1, 7, true), (now(), 'two', 1, 7, false);
INSERT INTO lost VALUES (now(), 'one', 1, 8, 2, 'overrun');
INSERT INTO not_judged VALUES (now(), 'one', 1, 10, 'flat');
INSERT INTO lost VALUES (now(), 'one', 1, 8, 2, 'overrun');  -- a double
INSERT INTO link VALUES (now(), 'one', 1, 5, 5, 1, 0, 0, 5, 2, 0, 0);
INSERT INTO link VALUES (now() - interval '2 minutes', 'two', 1, 5, 5, 1, 0, 0, 5, 2, 0, 0);
"""
SHOWN = {  # the values in the last row of each panel
    "Boards in alarm": ["one"],
    "Silent boards": ["two"],
    "Alarms per hour": ["one", "1"],
    "Boards that should be calibrated again": ["one"],
    "Score relative to the threshold": ["one", "1.8"],
    "Flagged windows per hour": ["one", "1"],
    "Windows without a score": ["one", "3"],
    "Link: damaged and missing frames": ["one", "3"],
}


GRAFANA = {  # what Grafana puts in the place of its macros, for PostgreSQL
    "$__timeFilter(time)": "time > now() - interval '1h'",
    "$__timeGroupAlias(time, $__interval)": (
        'to_timestamp(floor(extract(epoch from time) / 60) * 60) AS "time"'
    ),
    "$board": "'one', 'two'",
}


def answers(database: Database, query: str) -> list[list[str]]:
    """The rows that Grafana gets."""
    for macro, text in GRAFANA.items():
        query = query.replace(macro, text)
    return database.run(query)


def as_telegraf_writes(topic: str, payload: dict[str, Any]) -> str:
    """The row of a message, by telegraf.conf."""
    (consumer,) = (c for c in CONSUMERS if c["name_override"] == topic)
    names = [field["path"] for field in consumer["json_v2"][0]["field"]]
    values = ", ".join(json.dumps(payload[name]).replace('"', "'") for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    return (
        f"INSERT INTO {topic} (time, board, {columns}) "
        f"VALUES (to_timestamp({payload['ts']} / 1000.0), 'three', {values});"
    )


@pytest.mark.database
def test_the_database_takes_the_rows_and_answers_every_panel() -> None:
    with postgres() as database:
        database.run(SQL)
        database.run(ROWS)
        assert database.run("SELECT count(*) FROM window_score") == [["2"]]  # without the double
        (variable,) = DASHBOARD["templating"]["list"]
        assert answers(database, variable["query"]) == [["one"], ["two"]]
        for panel in DASHBOARD["panels"]:
            (target,) = panel["targets"]
            rows = answers(database, target["rawSql"])
            assert rows, panel["title"]
            assert set(SHOWN[panel["title"]]) <= set(rows[-1]), panel["title"]
        assert len(SHOWN) == len(DASHBOARD["panels"])
        published = [(topic, payload) for topic in tables() for payload in PUBLISHED[topic]]
        database.run("\n".join(as_telegraf_writes(*message) for message in published))
        counts = [f"SELECT count(*) FROM {t} WHERE board = 'three'" for t in tables()]
        rows = database.run(" UNION ALL ".join(counts))
        assert sum(int(count) for (count,) in rows) == len(published)
