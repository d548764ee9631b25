"""What somebody is to be woken for: what the metrics and the log say of it, the alert rules, and the dashboard."""

import json
import os
import re
import shutil
import signal
import subprocess

import chat
import pytest
from stopwatch import Stopwatch
from test_embedded import redis_of, where  # noqa: F401 (a fixture)
from test_epochs import back, copied  # noqa: F401 (a fixture)
from test_http import free_ports, get, listed, metrics
from test_reload import conf, reload  # noqa: F401 (a fixture)
from test_throttle import counted  # noqa: F401 (a fixture)
from test_workers import workers

RULES = chat.ROOT / "chatd/examples/prometheus-rules.yml"


def lines(node, event):
    return [line for line in node.log().splitlines() if f" event={event} " in line]


def logged(node, event):
    return chat.wait_until(lambda: lines(node, event), what=event)


# Loss

def test_a_clean_restart_is_no_loss(own_redis, start_chatd, client):
    node = start_chatd(own_redis.uri, http="127.0.0.1:0")
    ann, ben = client("ann", join="0", at=node), client("ben", join="0", at=node)
    ann.join(ben.user)
    ann.say("one")
    ann.say("two", to=ben.user)
    own_redis.restart()
    ann.expect_event("epoch")
    ann.expect_event("epoch")
    line, = logged(node, "new_epoch")
    assert re.search(r"level=warn event=new_epoch count=[12] channel=(public|private:[\w-]{12}) seq=2$", line)
    found = metrics(node)
    assert found["chatd_epochs_total"] == 2 and found["chatd_losses_total"] == 0
    own_redis.restart()
    ann.expect_event("epoch")
    ann.expect_event("epoch")
    node.stop()
    assert len(lines(node, "new_epoch")) <= 2, "one, and the rest when it ends"
    assert sum(int(re.search(r"count=(\d+)", line)[1]) for line in lines(node, "new_epoch")) == 4
    assert not lines(node, "data_lost") and ann.user not in node.log()


def test_a_loss_names_a_channel_and_is_said_once(copied, client, start_chatd):
    node = start_chatd(f"unix://default:@{copied.server.socket}", http="127.0.0.1:0")
    crowd = [client(f"user{i}", at=node) for i in range(4)]
    ann = crowd[0]
    for other in crowd:
        ann.join(other.user)
        ann.say("kept", to=other.user)
    copied.take()
    for _ in crowd:
        ann.expect_event("epoch")
    for other in crowd:
        back(ann, "lost", to=other.user)
    copied.put_back()
    chat.wait_until(lambda: metrics(node)["chatd_losses_total"] == 4, what="four channels that lost something")
    line = logged(node, "data_lost")[0]
    assert re.search(r"level=warn event=data_lost count=[1-4] channel=private:[\w-]{12} seq=\d+ delivered=2$", line)
    node.stop()
    assert sum(int(re.search(r"count=(\d+)", line)[1]) for line in lines(node, "data_lost")) == 4
    assert not any(who.user in node.log() for who in crowd), "who talks with whom is nobody's business"


# The rest

def test_acknowledgements_and_turns_are_counted_by_how_long_they_took(start_chatd, client, own_redis):
    node = start_chatd(own_redis.uri, http="127.0.0.1:0")
    alice = client("alice", join="0", at=node)
    for text in "a", "b":
        alice.say(text)
    own_redis.pause()
    watch = Stopwatch()
    alice.post("slow")
    while watch.wall() < 0.3:
        get(node, "/healthz")
    own_redis.resume()
    alice.hear("slow")
    found = metrics(node)
    assert found["chatd_acknowledgement_seconds_count"] == found["chatd_messages_total"] == 3
    assert found['chatd_acknowledgement_seconds_bucket{le="0.25"}'] == 2
    assert 0.25 <= found["chatd_acknowledgement_seconds_sum"] < chat.PATIENCE
    assert found["chatd_loop_turn_seconds_count"] > 20


def test_limits_stand_beside_what_is_used(start_chatd, client):
    node = start_chatd(http="127.0.0.1:0", max_connections=10, kdf_queue=7)
    before = metrics(node)
    crowd = [client(at=node) for _ in range(5)]
    now = metrics(node)
    assert now["chatd_max_connections"] == 10 and now["chatd_kdf_queue_max"] == 7
    assert now["process_open_fds"] - before["process_open_fds"] == len(crowd) and now["process_max_fds"] > 256


def test_settings_that_are_refused(start_chatd, conf):
    node = start_chatd(config=conf(max_joins=1), http="127.0.0.1:0")
    assert metrics(node)["chatd_reload_refused"] == 0
    conf(max_joins="many")
    reload(node, "event=reload_failed")
    assert metrics(node)["chatd_reload_refused"] == 1
    conf(max_joins=2)
    reload(node)
    assert metrics(node)["chatd_reload_refused"] == 0


@pytest.mark.parametrize("what,n,error", [("both:bob", 50, "too_many_sign_ins"), ("name:bob", 20, "bad_credentials")])
def test_an_attack_names_an_address_once(what, n, error, start_chatd, client, counted):  # noqa: F811
    """On a name from there, and on one from anywhere."""
    node = start_chatd(sign_in_creates="no")
    counted(what, n)
    crowd = [client(at=node) for _ in range(4)]
    for c in crowd:
        c.ask("signIn", {"username": "bob", "password": "x"})
    for c in crowd:
        c.expect_error(error)
    line = logged(node, "sign_in_attack")[0]
    assert re.search(r"level=warn event=sign_in_attack count=[1-4] address=127.0.0.1$", line) and "bob" not in line
    node.stop()
    assert sum(int(re.search(r"count=(\d+)", line)[1]) for line in lines(node, "sign_in_attack")) == 4
    assert len(lines(node, "sign_in_attack")) <= 2


def test_the_supervisor_counts_its_workers(start_chatd, where):  # noqa: F811
    ports = free_ports(3)
    node = start_chatd(f"embedded:{where}", workers=2, http=f"127.0.0.1:{ports[0]}")
    at = next(n for n in range(3) if get(node, "/metrics", n)[1].count("chatd_workers "))

    def now():
        return metrics(node, at)
    found = now()
    assert found["chatd_workers"] == found["chatd_workers_serving"] == 2 and found["chatd_worker_deaths_total"] == 0
    assert found["chatd_embedded_redis_up"] == 1, "the supervisor runs it"
    assert get(node, "/readyz", at) == (200, "2 of 2 workers serve\n")
    victim = workers(node)[1]
    os.kill(victim, signal.SIGKILL)
    chat.wait_until(lambda: now()["chatd_worker_deaths_total"] == 1)
    chat.wait_until(lambda: now()["chatd_workers_serving"] == 2, what="another worker")
    assert get(node, "/readyz", at)[0] == get(node, "/healthz", at)[0] == 200


def test_what_an_embedded_redis_takes(start_chatd, client, where):  # noqa: F811
    node = start_chatd(f"embedded:{where}", http="127.0.0.1:0")
    client("alice", join="0", at=node).say("x" * 1000)
    chat.wait_until(lambda: metrics(node)["chatd_embedded_redis_aof_bytes"] > 1000, what="the message on disk")
    found = {name.removeprefix("chatd_embedded_redis_"): value for name, value in metrics(node).items()}
    on_disk = sum(path.stat().st_size for path in (where / "appendonlydir").iterdir())
    assert found["up"] == 1 and found["restarts_total"] == 0 and found["aof_bytes"] <= on_disk
    assert 1e6 < found["memory_bytes"] < found["memory_max_bytes"] and found["disk_free_bytes"] > 0
    os.kill(redis_of(node), signal.SIGKILL)
    chat.wait_until(lambda: metrics(node)["chatd_embedded_redis_restarts_total"] == 1)
    assert not any("embedded" in name for name in metrics(start_chatd(http="127.0.0.1:0"))), "there is none"


# The files for Prometheus and Grafana

UNSEEN = {"chatd_build_info", "chatd_draining", "process_start_time_seconds"}  # on the dashboard


def series():
    """The names of what there is to ask for."""
    ends = {"summary": ("_sum", "_count"), "histogram": ("_sum", "_count", "_bucket")}
    return {name + end for name, kind in listed().items() for end in ends.get(kind, ("",))}


def named(text):
    return set(re.findall(r"\b(?:chatd|process)_[a-z_]+\b", text)) - {"chatd_rules"}


def rules():
    yaml = pytest.importorskip("yaml")
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_rules_and_dashboard_name_what_exists_and_count_as_one_should():
    dashboard = json.loads((chat.ROOT / "chatd/examples/grafana-dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = [rule["expr"] for rule in rules()]
    assert len(shown) > 40 and len(asked) > 15
    for expression in shown + asked:
        assert named(expression) - series() == set(), expression
        for counter in re.findall(r"\w+_(?:total|sum|count|bucket)\b", expression):
            assert re.search(rf"(rate|increase)\({counter}", expression), expression
    assert {name for name in series() - named(" ".join(shown)) if not name.endswith(("_sum", "_count"))} <= UNSEEN
    assert named(" ".join(asked)) <= named(" ".join(shown)), "what woke you can be looked at"


def test_each_rule_says_how_bad_it_is_and_what_is_wrong():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning") and rule["annotations"]["summary"]
    page = (chat.ROOT / "docs/operations.md").read_text()
    for event in re.findall(r"event=(\w+)", RULES.read_text()):
        assert f"`{event}`" in page, f"{event} is not explained"


FIRING = 'alertstate="firing"'
# What each alert is for, as series at 15 s: for two minutes nothing, then this, for thirty.
FIRES = {
    "ChatdDown": {'up{job="chatd"}': "1 0"}, "ChatdRedisGone": {'chatd_redis_up{link="bus"}': "1 0"},
    "ChatdMessagesLost": {"chatd_losses_total": "0 3"},
    "ChatdUnavailable": {'chatd_errors_total{name="unavailable"}': "0 +30"},
    "ChatdBusLosesMessages": {"chatd_gap_repairs_total": "0 +15"},
    "ChatdForeignData": {"chatd_bad_entries_total": "0 1", "chatd_bad_events_total": "0 0"},
    "ChatdEmbeddedRedisRestarts": {"chatd_embedded_redis_restarts_total": "0 1"},
    "ChatdEmbeddedRedisMemory": {"chatd_embedded_redis_memory_bytes": "1 8",
                                 "chatd_embedded_redis_memory_max_bytes": "10 10"},
    "ChatdEmbeddedRedisDisk": {"chatd_embedded_redis_disk_free_bytes": "9 4", "chatd_embedded_redis_aof_bytes": "5 5"},
    "ChatdSlowAcknowledgements": {'chatd_acknowledgement_seconds_bucket{le="0.5"}': "0 0",
                                  'chatd_acknowledgement_seconds_bucket{le="1"}': "0 +9",
                                  'chatd_acknowledgement_seconds_bucket{le="+Inf"}': "0 +9"},
    "ChatdLoopLags": {'chatd_loop_turn_seconds_bucket{le="0.25"}': "0 +9", "chatd_loop_turn_seconds_count": "0 +19"},
    "ChatdSlowUsers": {"chatd_slow_consumers_total": "0 +1"},
    "ChatdRefusals": {"chatd_refused_connections_total": "0 +5"},
    "ChatdConnectionsNearLimit": {"chatd_connections": "1 9", "chatd_max_connections": "10 10"},
    "ChatdFilesNearLimit": {'process_open_fds{job="chatd"}': "1 9", 'process_max_fds{job="chatd"}': "10 10"},
    "ChatdHashingQueue": {"chatd_kdf_queue": "0 300", "chatd_kdf_queue_max": "512 512"},
    "ChatdSignInAttack": {'chatd_errors_total{name="bad_credentials"}': "0 +30"},
    "ChatdCertificateExpires": {"chatd_tls_certificate_expiry_seconds": "1e9 1e3"},
    "ChatdReloadRefused": {"chatd_reload_refused": "0 1"}, "ChatdWorkerDied": {"chatd_worker_deaths_total": "0 1"},
    "ChatdWorkersMissing": {"chatd_workers": "2 2", "chatd_workers_serving": "2 1"},
    "ChatdLogIsStuck": {"chatd_log_lines_dropped_total": "0 7"},
}


def values(brief):
    first, then = brief.split()
    return f"{first}+0x8 {then[1:]}{then}x120" if then[0] == "+" else f"{first}+0x8 {then}+0x120"


def alerts_of(rule, at):
    """For promtool: did it not fire up to then?"""
    inputs = [{"series": name, "values": values(brief)} for name, brief in FIRES[rule["alert"]].items()]
    return {"interval": "15s", "input_series": inputs,
            "promql_expr_test": [{"expr": f'max_over_time(ALERTS{{alertname="{rule["alert"]}",{FIRING}}}[30m])',
                                  "eval_time": at, "exp_samples": []}]}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool, of Debian's prometheus, is not here")
def test_each_rule_fires_by_what_it_is_for_and_not_before(tmp_path):
    def run(*words):
        return subprocess.run(["promtool", *words], capture_output=True, text=True)
    assert {rule["alert"] for rule in rules()} == set(FIRES)
    checked = run("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for rule in rules():
        for at, fires in ("1m30s", False), ("30m", True):
            path = tmp_path / "test.yml"
            path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s",
                                        "tests": [alerts_of(rule, at)]}))
            assert (run("test", "rules", str(path)).returncode != 0) == fires, f"{rule['alert']} at {at}"
