"""Which files are found, as what, and what is left alone."""

import os
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops.discovery import date_in_name, find_drops, glob_to_regex
from sahara_assets.errors import DropError
from sahara_assets.settings.document import parse_settings


def settings(root, **patterns):
    datasets = {name: {"patterns": listed} for name, listed in patterns.items()}
    return parse_settings({"drops": {"folder": "drops"}, "datasets": datasets}, root=root)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "drops").mkdir()
    return tmp_path / "drops"


def found(folder, **patterns):
    return find_drops(settings(folder.parent, **(patterns or {"purchases": ["**/*.csv", "*.csv"]})))


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_files_are_found_by_dataset_and_path_whatever_the_listing_says(folder):
    put(folder, "b.csv", "a.csv", "late/c.csv", "people/p.csv")
    files = found(folder, purchases=["*.csv", "late/*.csv"], customers=["people/*.csv"])
    assert [(f.dataset, f.path) for f in files] == [
        ("customers", "people/p.csv"),
        ("purchases", "a.csv"),
        ("purchases", "b.csv"),
        ("purchases", "late/c.csv"),
    ]


def test_hidden_unfinished_and_foreign_files_are_left_alone(folder):
    put(folder, ".a.csv", ".hidden/a.csv", "a.csv.part", "a.csv.tmp", "a.csv~", "a.csv.filepart", "notes.txt", "a.csv")
    assert [f.path for f in found(folder, purchases=["*", "**/*.csv"])] == ["a.csv", "notes.txt"]


def test_what_the_project_exports_is_no_drop(tmp_path):
    document = {"drops": {"folder": "."}, "datasets": {"purchases": {"patterns": ["**/customers*.csv"]}}}
    put(tmp_path, "customers.csv", "exports/customers.csv", "old/exports/customers.csv")
    files = find_drops(parse_settings(document, root=tmp_path))
    assert [f.path for f in files] == ["customers.csv", "old/exports/customers.csv"]


def test_no_folder_is_an_error_that_names_the_setting(tmp_path):
    with pytest.raises(
        DropError, match=r"drops: there is no such drop folder \(/.*drops\); create it, or set drops\.folder"
    ):
        find_drops(settings(tmp_path, purchases=["*.csv"]))


def test_a_file_that_two_datasets_claim_is_refused_with_both_names_and_no_other(folder):
    put(folder, "a.csv", "b.csv")
    claimed, other = found(folder, purchases=["*.csv"], customers=["a*"])
    with pytest.raises(DropError, match=r"a\.csv: claimed by purchases and customers"):
        claimed.open()
    assert (other.path, other.fault) == ("b.csv", None)


def test_a_link_counts_as_the_file_it_leads_to(folder):
    put(folder, "elsewhere.txt")
    (folder / "a.csv").symlink_to(folder / "elsewhere.txt")
    (file,) = found(folder)
    assert (file.path, file.size_bytes, file.fault) == ("a.csv", 1, None)
    with file.open() as opened:
        assert opened.read() == b"x"


def test_a_link_that_leads_nowhere_or_to_itself_is_found_with_its_fault(folder):
    (folder / "a.csv").symlink_to(folder / "gone")
    (folder / "b.csv").symlink_to(folder / "b.csv")
    first, second = found(folder)
    assert first.fault == "cannot be opened (No such file or directory); check where it links to"
    assert second.fault == "cannot be opened (Too many levels of symbolic links); check where it links to"


def test_a_pipe_and_a_folder_that_are_named_like_drops_are_none(folder):
    os.mkfifo(folder / "a.csv")
    put(folder, "b.csv/part-0.csv")
    assert [f.path for f in found(folder)] == ["b.csv/part-0.csv"]


def test_a_name_that_is_no_text_is_found_with_its_fault(folder):
    try:
        (folder / os.fsdecode(b"\xff.csv")).write_text("x")
    except OSError:
        pytest.skip("this file system refuses such names")
    (file,) = found(folder)
    assert (file.path, file.fault) == ("\\udcff.csv", "its name is not UTF-8; rename it")


def test_modification_times_are_utc_and_far_ones_do_not_stop_the_run(folder):
    put(folder, "a.csv", "b.csv", "c.csv")
    os.utime(folder / "a.csv", ns=(0, 1_322_728_000_123_456_789))
    os.utime(folder / "b.csv", (0, 2**33))
    os.utime(folder / "c.csv", (0, -5))
    times = [f.modified_at for f in found(folder)]
    assert times == [datetime(2011, 12, 1, 8, 26, 40, 123456), datetime(2200, 1, 1), datetime(1970, 1, 1)]


def test_the_signature_tells_another_upload_even_of_equal_size_and_time(folder):
    put(folder, "a.csv")
    os.utime(folder / "a.csv", (1, 1))
    (before,) = found(folder)
    assert found(folder) == [before]
    (folder / "new").write_text("y")
    os.utime(folder / "new", (1, 1))
    (folder / "new").replace(folder / "a.csv")
    (after,) = found(folder)
    assert (after.size_bytes, after.modified_at) == (before.size_bytes, before.modified_at)
    assert after.signature != before.signature


def test_the_last_real_date_in_a_name_counts():
    assert date_in_name("2011/orders.csv") is None
    assert date_in_name("orders_20111209.csv") == date(2011, 12, 9)
    assert date_in_name("2010-01-01_to_2011.12.09.csv.gz") == date(2011, 12, 9)
    assert date_in_name("2011-12-09_to_2011-13-45.csv") == date(2011, 12, 9)
    assert date_in_name("batch_120111209.csv") is None


def test_globs_stay_within_a_folder_unless_they_say_otherwise():
    cases = [
        ("a/*.csv", "a/b.csv", True),
        ("a/*.csv", "a/b/c.csv", False),
        ("**/*.csv", "b.csv", True),
        ("**/*.csv", "a/b/c.csv", True),
        ("a/**", "a/b/c", True),
        ("a?.csv", "ab.csv", True),
        ("a?.csv", "a/.csv", False),
        ("[0-9]*.csv", "2011.csv", True),
        ("[!0-9]*.csv", "2011.csv", False),
        ("[!0-9]*.csv", "/2011.csv", False),
        ("[[]1].csv", "[1].csv", True),
        ("a.csv", "aXcsv", False),
        ("*.csv", "two\nlines.csv", True),
    ]
    assert [(p, t, bool(glob_to_regex(p).fullmatch(t))) for p, t, _ in cases] == cases


@given(st.text(st.characters(exclude_characters="*?[/", exclude_categories=["Cs"]), min_size=1))
def test_a_name_without_wildcards_matches_itself_and_nothing_else(name):
    assert glob_to_regex(name).fullmatch(name)
    assert not glob_to_regex(name).fullmatch(name + "x")
