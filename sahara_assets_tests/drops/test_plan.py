"""The plan by itself: small ledgers and folders, and the decisions that must follow. Random histories are in test_exactly_once.py."""

from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops.plan import Act, Plan, Present, Status, Step, Version, held_fingerprint, plan_drops

NOW, BEFORE = "settings of now", "settings of before"


def version(path, drop_id, status=Status.LOADED, read_under=NOW):
    return Version(path, drop_id, status, read_under)


def plan(ledger=(), present=(), same_path="replace"):
    files = [Present(path, drop_id) for path, drop_id in present]
    return plan_drops(ledger, files, reading_fingerprint=NOW, same_path=same_path)


def test_an_empty_folder_and_an_unknown_file_and_a_known_one():
    assert plan() == Plan()
    assert plan().is_empty
    assert plan([], [("a", "1")]).steps == (Step(Act.READ, "a", "1"),)
    assert plan([version("a", "1")], [("a", "1")]) == Plan()


def test_of_one_content_under_three_new_names_one_is_read_and_two_point():
    steps = plan([], [("c", "1"), ("a", "1"), ("b", "2"), ("d", "1")]).steps
    assert [(s.act, s.path) for s in steps] == [
        (Act.READ, "a"),
        (Act.POINT, "c"),
        (Act.POINT, "d"),
        (Act.READ, "b"),
    ]


def test_a_new_version_replaces_and_may_be_held_where_paths_are_replaced():
    assert plan([version("a", "1")], [("a", "2")]).steps == (Step(Act.READ, "a", "2", ("1",), may_be_held=True),)
    assert plan([version("a", "1")], [("a", "2")], "append").steps == (Step(Act.READ, "a", "2"),)


def test_a_version_that_comes_back_replaces_what_replaced_it():
    ledger = [version("a", "1", Status.REPLACED), version("a", "2")]
    assert plan(ledger, [("a", "1")]).steps == (Step(Act.READ, "a", "1", ("2",), may_be_held=True),)


def test_contents_that_stay_in_the_tables_only_move_pointers():
    rotated = plan([version("a", "1")], [("a", "2"), ("b", "1")])
    assert [(s.act, s.path) for s in rotated.steps] == [(Act.POINT, "b"), (Act.READ, "a")]
    swapped = plan([version("a", "1"), version("b", "2")], [("a", "2"), ("b", "1")])
    assert [(s.act, s.path, s.replaces) for s in swapped.steps] == [(Act.POINT, "a", ("1",)), (Act.POINT, "b", ("2",))]


def test_a_vanished_path_is_left_alone():
    assert plan([version("a", "1")], [("b", "2")]).steps == (Step(Act.READ, "b", "2"),)


def test_what_a_person_forgot_stays_out_and_what_they_allowed_goes_in_unheld():
    assert plan([version("a", "1", Status.FORGOTTEN)], [("a", "1")]) == Plan()
    assert plan([version("a", "1", Status.FORGOTTEN)], [("a", "2")]).steps == (Step(Act.READ, "a", "2"),)
    allowed = plan([version("a", "1"), version("a", "2", Status.ALLOWED)], [("a", "2")])
    assert allowed.steps == (Step(Act.READ, "a", "2", ("1",), may_be_held=False),)


def test_a_held_version_waits_only_while_it_would_replace_something():
    ledger = [version("a", "1"), version("a", "2", Status.HELD, held_fingerprint(NOW, {"1": NOW}))]
    assert plan(ledger, [("a", "2")]) == Plan(held=("a",))
    assert plan(ledger, [("a", "2")], "append").steps == (Step(Act.READ, "a", "2"),)
    assert plan(ledger[1:], [("a", "2")]).steps == (Step(Act.READ, "a", "2"),)


def test_a_held_version_is_judged_anew_once_what_it_would_replace_is_read_otherwise():
    """Its lines are other lines then; a file of theirs that comes back under another name is enough."""
    held = version("a", "2", Status.HELD, held_fingerprint(NOW, {"1": BEFORE}))
    again = Step(Act.READ, "a", "2", ("1",), may_be_held=True)
    stale = [version("a", "1", read_under=BEFORE), held]
    assert plan(stale, [("a", "2")]) == Plan(stale=("1",), held=("a",))
    assert plan(stale, [("a", "2"), ("b", "1")]).steps == (
        Step(Act.REREAD, "b", "1"),
        Step(Act.POINT, "b", "1"),
        again,
    )
    # The run that read it again may have ended before it came to this one.
    assert plan([version("a", "1"), held], [("a", "2")]).steps == (again,)


def test_a_version_waits_no_longer_when_its_path_shows_another_content():
    for waiting in (Status.HELD, Status.REJECTED, Status.ALLOWED):
        ledger = [version("a", "1"), version("a", "2", waiting)]
        assert plan(ledger, [("a", "1")]) == Plan(outdated=(("a", "2"),))
        assert plan(ledger, [("a", "3")]).outdated == (("a", "2"),)
        assert plan(ledger, []).outdated == ()
    for settled in (Status.REPLACED, Status.FORGOTTEN):
        assert plan([version("a", "1"), version("a", "2", settled)], [("a", "1")]) == Plan()
    unopened = [version("a", "1"), version("a", "", Status.REJECTED)]
    assert plan(unopened, [("a", "1")]) == Plan(outdated=(("a", ""),))


def test_a_refused_version_is_tried_again_under_other_settings_only():
    assert plan([version("a", "1", Status.REJECTED)], [("a", "1")]) == Plan()
    again = plan([version("a", "1", Status.REJECTED, BEFORE)], [("a", "1")])
    assert again.steps == (Step(Act.READ, "a", "1"),)


def test_other_settings_read_every_content_again_once_from_any_file_that_holds_it():
    ledger = [version("a", "1", read_under=BEFORE), version("b", "1", read_under=BEFORE)]
    assert plan(ledger, [("a", "1"), ("b", "1")]).steps == (Step(Act.REREAD, "a", "1"),)
    assert plan(ledger, [("b", "1")]).steps == (Step(Act.REREAD, "b", "1"),)
    elsewhere = plan(ledger, [("c", "1")])
    assert elsewhere.steps == (Step(Act.REREAD, "c", "1"), Step(Act.POINT, "c", "1"))
    forgotten = plan([*ledger, version("c", "1", Status.FORGOTTEN)], [("c", "1")])
    assert forgotten.steps == (Step(Act.REREAD, "c", "1"),)


def test_a_content_whose_files_are_gone_is_stale_under_other_settings():
    assert plan([version("a", "1", read_under=BEFORE)], [("a", "2")]).stale == ("1",)
    assert plan([version("a", "1")], []).stale == ()


def test_turning_append_into_replace_retracts_nothing_until_a_new_version_comes():
    ledger = [version("a", "1"), version("a", "2")]
    assert plan(ledger, [("a", "2")]) == Plan()
    assert plan(ledger, [("a", "3")]).steps == (Step(Act.READ, "a", "3", ("1", "2"), may_be_held=True),)


paths, contents = st.sampled_from("abcd"), st.sampled_from("1234")
ledgers = st.dictionaries(
    st.tuples(paths, contents), st.tuples(st.sampled_from(Status), st.sampled_from([NOW, BEFORE])), max_size=12
)
folders = st.dictionaries(paths, contents, max_size=4)


@given(ledgers, folders, st.sampled_from(["replace", "append"]), st.randoms(use_true_random=False))
def test_the_order_of_ledger_and_folder_does_not_matter(ledger, folder, same_path, draws):
    versions = [version(*key, *value) for key, value in ledger.items()]
    files = list(folder.items())
    shuffled, others = draws.sample(versions, len(versions)), draws.sample(files, len(files))
    one, other = plan(versions, files, same_path), plan(shuffled, others, same_path)
    assert (one.steps, one.stale, one.held) == (other.steps, other.stale, other.held)
    assert set(one.outdated) == set(other.outdated)


@given(ledgers, folders, st.sampled_from(["replace", "append"]))
def test_every_content_is_read_at_most_once_and_every_path_moves_at_most_once(ledger, folder, same_path):
    found = plan([version(*key, *value) for key, value in ledger.items()], folder.items(), same_path)
    reads = [s.drop_id for s in found.steps if s.act is not Act.POINT]
    moves = [s.path for s in found.steps if s.act is not Act.REREAD]
    assert len(reads) == len(set(reads))
    assert len(moves) == len(set(moves))
    assert all(folder[s.path] == s.drop_id for s in found.steps)
    loaded = {drop_id for (_, drop_id), (status, _) in ledger.items() if status is Status.LOADED}
    for step in found.steps:
        # A pointer never moves onto what is neither in the tables nor read by this plan.
        assert step.act is not Act.POINT or step.drop_id in loaded | set(reads)
        assert all((ledger[step.path, old][0]) is Status.LOADED for old in step.replaces)
