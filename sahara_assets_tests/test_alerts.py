"""Alerts: what is told, to a real webhook, with real tries; what is never told; and that nothing else suffers for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets import alerts as module
from sahara_assets import webhook as posting
from sahara_assets.alerts import alert_about, alerts
from sahara_assets.failures import failure_of
from sahara_assets.resources import Project
from sahara_assets.settings.document import parse_settings
from sahara_assets.webhook import deliver, without_secrets
from sahara_assets_tests.commands import ROOT, sahara
from sahara_assets_tests.webhook_server import SECRET, Webhook, webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sahara_assets.settings.document import Settings


@pytest.fixture
def receiver(monkeypatch) -> Iterator[Webhook]:
    monkeypatch.setattr(posting, "PAUSES_SECONDS", (0.0, 0.0))
    with webhook() as running:
        yield running


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


class Watch:
    """The sensor's life: tick by tick, with the cursor that it leaves."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.root = root
        self.instance = instance
        self.cursor: str | None = None
        (root / "sahara.toml").touch()

    def tick(self) -> str:
        """One tick; what it says."""
        resources = {"project": Project(config_path=str(self.root / "sahara.toml"))}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            answer = alerts(context)
            self.cursor = context.cursor
        assert isinstance(answer, dg.SkipReason)
        return answer.skip_message or ""


@pytest.fixture
def watch(tmp_path: Path, instance: dg.DagsterInstance, receiver: Webhook, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A sensor with a webhook that has ticked once, so that what follows is new to it."""
    monkeypatch.setenv("SAHARA_ALERTS_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started = Watch(tmp_path, instance)
    started.tick()
    return started


def settings(receiver: Webhook | None = None, **environment: str) -> Settings:
    given = {"SAHARA_ALERTS_WEBHOOK_URL": receiver.url} if receiver else {}
    return parse_settings({"project": {"name": "Shop"}}, root=ROOT, environment=given | environment)


def job(act: Callable[[], object], *, name: str = "night") -> dg.JobDefinition:
    @dg.op
    def step() -> None:
        act()

    @dg.job(name=name, executor_def=dg.in_process_executor, logger_defs={})
    def made() -> None:
        step()

    return made


def run(instance: dg.DagsterInstance, act: Callable[[], object] = lambda: None, **tags: str) -> str:
    """Run a job of one step to its end; returns its id."""
    result = job(act).execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={name.replace("__", "/"): value for name, value in tags.items()},
    )
    return result.run_id


def fails(text: str) -> Callable[[], None]:
    def act() -> None:
        raise ValueError(text)

    return act


# --- what is told ----------------------------------------------------------------------------------------------------------------


def test_a_failed_run_is_told_once_with_its_step_and_its_error(watch, instance, receiver, monkeypatch):
    monkeypatch.setenv("SAHARA_ALERTS_UI_URL", "https://dagster.example.com/")
    monkeypatch.setenv("SAHARA_PROJECT_NAME", "Corner shop")
    failed = run(instance, fails("purchases/a.csv: row 3: no such day\nand more"), dagster__run_key="abc-2")
    assert watch.tick() == "1 alert posted"
    assert watch.tick() == "0 alerts posted"
    (sent,) = receiver.taken
    address = f"https://dagster.example.com/runs/{failed}"
    assert sent.pop("at").startswith("20")
    assert sent == {
        "text": f"Corner shop: night failed in step (try 3): ValueError: purchases/a.csv: row 3: no such day\n{address}",
        "event": "run_failed",
        "project": "Corner shop",
        "job": "night",
        "run_id": failed,
        "run_url": address,
        "attempt": 3,
        "step": "step",
        "error": "ValueError: purchases/a.csv: row 3: no such day",
        "checks": [],
        "drops": [],
    }


def test_a_run_that_ends_well_and_what_was_before_the_first_tick_is_not_told(watch, instance, receiver, tmp_path):
    run(instance)
    assert watch.tick() == "0 alerts posted"
    run(instance, fails("earlier"))
    (tmp_path / "another").mkdir()
    assert Watch(tmp_path / "another", instance).tick() == "0 alerts posted"
    assert receiver.posted == []


def test_without_a_webhook_nothing_is_kept_for_later(tmp_path, instance, receiver, monkeypatch):
    monkeypatch.delenv("SAHARA_ALERTS_WEBHOOK_URL", raising=False)
    watch = Watch(tmp_path, instance)
    watch.tick()
    run(instance, fails("untold"))
    assert watch.tick() == "alerts.webhook_url is not set"
    monkeypatch.setenv("SAHARA_ALERTS_WEBHOOK_URL", receiver.url)
    assert watch.tick() == "0 alerts posted"


def test_a_killed_run_says_how_it_ended(instance, receiver):
    killed = instance.create_run_for_job(job(lambda: None), status=dg.DagsterRunStatus.STARTED)
    instance.report_engine_event(
        f"Run execution process for {killed.run_id} was terminated by signal 9 (SIGKILL).", killed, cls=Watch
    )
    instance.report_run_failed(killed)
    sent = alert_about(instance, settings(receiver), killed.run_id)
    assert sent is not None
    assert (sent["step"], sent["error"]) == (
        "",
        f"Run execution process for {killed.run_id} was terminated by signal 9 (SIGKILL).",
    )


def test_held_and_refused_drops_and_the_blocking_check_are_told(project, monkeypatch, receiver):
    """The real pipeline: a replacement that lacks most of its lines is held, and a file without the columns is refused."""
    (project / "data" / "purchases" / "purchases_2031-01-01.csv").write_text("nothing,of,ours\n1,2,3\n")
    replaced = min((project / "data" / "purchases").iterdir())
    replaced.write_text("".join(replaced.read_text().splitlines(keepends=True)[:5]))
    assert sahara("run", cwd=project).code == 3
    with dg.DagsterInstance.from_config(str(project / ".sahara")) as instance:
        (failed,) = [found.run_id for found in instance.get_runs() if found.status is dg.DagsterRunStatus.FAILURE]
        sent = alert_about(instance, settings(receiver), failed)
        assert not failure_of(instance, failed).may_pass
    assert sent is not None
    assert sent["event"] == "run_failed"
    assert [drop["path"].split("/")[-1] for drop in sent["drops"]] == [replaced.name, "purchases_2031-01-01.csv"]
    assert [drop["status"] for drop in sent["drops"]] == ["held", "rejected"]
    assert all(drop["reason"] for drop in sent["drops"])
    assert [check for check in sent["checks"] if check.startswith("drops: no_held_drops: 1 replacement is held")]
    assert "Another try cannot help" in sent["text"]


def test_refused_drops_are_told_although_the_run_ended_well(project, receiver):
    (project / "data" / "purchases" / "purchases_2031-01-01.csv").write_text("nothing,of,ours\n1,2,3\n")
    assert sahara("run", cwd=project).code == 0
    with dg.DagsterInstance.from_config(str(project / ".sahara")) as instance:
        sent = alert_about(instance, settings(receiver), instance.get_runs(limit=1)[0].run_id)
    assert sent is not None
    assert sent["event"] == "drops_held"
    assert sent["text"].startswith("Shop: 1 drop held or refused\n• purchases/purchases_2031-01-01.csv: rejected: ")


def test_broken_settings_are_told_once_for_every_fault(watch, receiver):
    (watch.root / "sahara.toml").write_text("[segmentation]\nkk = 3\n")
    for _ in range(3):
        assert "unknown key 'kk'" in watch.tick()
    (watch.root / "sahara.toml").write_text("[segmentation]\nkkk = 3\n")
    watch.tick()
    assert [sent["event"] for sent in receiver.taken] == ["settings_broken", "settings_broken"]
    assert "unknown key 'kk'" in receiver.taken[0]["text"]
    (watch.root / "sahara.toml").write_text("")
    assert watch.tick() == "0 alerts posted"


def test_text_calls_nobody(watch, instance, receiver):
    run(instance, fails("<!channel> & <https://evil.example|click>"))
    watch.tick()
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in receiver.taken[0]["text"]


# --- a webhook that is away ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [0, 404, 429, 500, 503])
def test_a_webhook_that_is_away_is_tried_again_until_it_takes_every_alert_in_order(answer, watch, instance, receiver):
    failed = [run(instance, fails(f"fault {number}")) for number in range(2)]
    receiver.answers = [answer] * 3
    assert "the webhook did not take an alert" in watch.tick()
    assert len(receiver.posted) == 3
    assert receiver.taken == []
    receiver.answers = [answer, answer]
    assert watch.tick() == "2 alerts posted"
    assert [sent["run_id"] for sent in receiver.taken] == failed


@pytest.mark.parametrize("answer", [302, 400, 413])
def test_an_alert_that_is_refused_for_good_does_not_hold_up_the_others(answer, watch, instance, receiver):
    failed = [run(instance, fails(f"fault {number}")) for number in range(2)]
    receiver.answers = [answer]
    assert watch.tick() == "1 alert posted"
    assert [sent["run_id"] for sent in receiver.posted] == failed
    assert [sent["run_id"] for sent in receiver.taken] == failed[1:]


def test_what_could_not_be_delivered_for_a_day_is_passed_over(watch, instance, receiver, monkeypatch):
    monkeypatch.setattr(module, "_TOO_OLD_SECONDS", -1.0)
    run(instance, fails("long ago"))
    receiver.answers = [500] * 3
    watch.tick()
    assert watch.tick() == "0 alerts posted"


def test_a_tick_ends_in_time_and_the_rest_follows(watch, instance, receiver, monkeypatch):
    for number in range(3):
        run(instance, fails(f"fault {number}"))
    monkeypatch.setattr(module, "_TICK_SECONDS", -1.0)
    assert watch.tick() == "the rest follows"
    monkeypatch.setattr(module, "_TICK_SECONDS", 20.0)
    assert watch.tick() == "3 alerts posted"


def test_nobody_listening_is_an_answer_too():
    found = deliver("http://127.0.0.1:1/s3cret", {}, timeout_seconds=1, sleep=lambda _: None)
    assert (found.delivered, found.again) == (False, True)
    assert "s3cret" not in found.answer


def test_a_tick_never_raises_and_a_run_that_cannot_be_read_does_not_silence_the_others_for_ever(
    watch, instance, receiver, monkeypatch
):
    failed = [run(instance, fails("x")) for _ in range(2)]

    def broken(asked: dg.DagsterInstance, held: Settings, run_id: str) -> dict[str, object] | None:
        if run_id == failed[0]:
            raise RuntimeError(f"broken at {receiver.url}")
        return alert_about(asked, held, run_id)

    monkeypatch.setattr(module, "alert_about", broken)
    said = watch.tick()
    assert said.startswith(f"run {failed[0]} cannot be read: RuntimeError: broken at")
    assert SECRET not in said
    assert receiver.posted == []
    monkeypatch.setattr(module, "_TOO_OLD_SECONDS", -1.0)
    watch.tick()
    assert [sent["run_id"] for sent in receiver.taken] == failed[1:]
    monkeypatch.setattr(module, "_ended", lambda *_: 1 / 0)
    assert watch.tick().startswith("alerts could not be made: ZeroDivisionError")
    watch.cursor = "no JSON"
    assert "alerts could not be made" in watch.tick()


def test_what_a_tick_says_holds_no_secret(watch, instance, receiver):
    run(instance, fails(f"cannot post to {receiver.url}"))
    receiver.answers = [500] * 3
    assert "s3cret" not in watch.tick() + (watch.cursor or "")
    watch.tick()
    assert "s3cret" not in json.dumps(receiver.taken)


# --- secrets ---------------------------------------------------------------------------------------------------------------------

_SECRET = st.text("abcXYZ019_~.+-", min_size=6, max_size=20)


@given(
    _SECRET,
    st.sampled_from(["password", "PGPASSWORD", "api_key", "access-token", "client_secret", "sig", "X-Amz-Signature"]),
)
def test_named_secrets_are_taken_out(secret, name):
    for text in (f"{name}={secret}", f"{name}: {secret}", f"x {name} = '{secret}' y", f'connect({name}="{secret}")'):
        assert f"{secret}" not in without_secrets(text, settings()).replace(name, "")


@given(_SECRET)
def test_secrets_in_urls_are_taken_out_and_the_host_stays(secret):
    for text in (
        f"https://files.example.com/a/b.csv?X-Sig={secret}&a=1: 403",
        f"postgresql://sahara:{secret}@db.example.com/x failed",
        f"GET https://api.example.com/#{secret}",
        f"Authorization: Bearer {secret}-{secret}",
    ):
        said = without_secrets(text, settings())
        assert secret not in said
        assert "example.com" in said or "Authorization" in said


def test_the_warehouse_password_is_taken_out_however_it_is_written():
    held = settings(SAHARA_WAREHOUSE_URL="postgresql://me:wide%20dunes%2Fx@db/shop")
    assert without_secrets("role me, wide dunes/x or wide%20dunes%2Fx", held) == "role me, *** or ***"


def test_a_text_of_one_huge_word_takes_no_time_to_speak_of():
    """It would take hours, not seconds, if a pattern began anew at every letter."""
    text = "x" * 300_000
    assert without_secrets(text, settings()) == text


def test_ordinary_words_stay():
    text = "purchases/a.csv: row 3: 'quantity' is 1.5; a password is needed, no token was given"
    assert without_secrets(text, settings()) == text
