"""Whoever may write into the drop folder chooses names and may make links: neither leads anywhere else, and no name passes for another."""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops import entries
from sahara_assets.drops.discovery import drop_folder, find_drops
from sahara_assets.drops.folders import LocalFolder
from sahara_assets.drops.ledger import ledger_rows
from sahara_assets.errors import DropError, SaharaError
from sahara_assets.onboarding.fetching import _copy
from sahara_assets.report.writing import write_whole
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.warehouse.scratch import Scratch
from sahara_assets_tests.commands import sahara
from sahara_assets_tests.security.hostile_shop import REFUSED_NAMES, SHOWN_NAMES
from sahara_assets_tests.small_shop import SmallShop, as_csv, line

PATTERNS = {"datasets": {"purchases": {"patterns": ["**/*", "*"]}}}
RENAME = "its name holds control characters; rename it"


@pytest.fixture
def shop(tmp_path):
    made = SmallShop(tmp_path / "project", **PATTERNS)
    made.deliver("good.csv", [line(order="1")])
    return made


@pytest.fixture
def secret(tmp_path):
    """A file outside of the drop folder that the process may read and a sender may not."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "secret.csv"
    path.write_text(as_csv([line(order="secret")]))
    return path


def orders(shop):
    return {row["order_id"] for row in shop.rows(RAW_TABLES["purchases"])}


def told(shop):
    return {row["path"]: (row["status"], row["reason"]) for row in ledger_rows(shop.warehouse)}


def made_by_others(monkeypatch):
    """Every link is somebody else's."""
    monkeypatch.setattr("sahara_assets.drops.entries._is_ours", lambda link: False)


# --- links -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["file", "relative", "through a folder", "through a link"])
@pytest.mark.parametrize("rule", ["own", "none"])
def test_a_link_that_leads_out_is_refused_with_the_remedy_and_the_others_load(how, rule, shop, secret, monkeypatch):
    if rule == "own":
        made_by_others(monkeypatch)
    else:
        shop.set(**PATTERNS, drops={"folder": "drops", "follow_links": "none"})
    link = shop.folder / "link.csv"
    if how == "file":
        link.symlink_to(secret)
    elif how == "relative":
        link.symlink_to(Path("..") / ".." / "elsewhere" / "secret.csv")
    elif how == "through a folder":
        (shop.folder / ".hidden").symlink_to(secret.parent)
        link.symlink_to(shop.folder / ".hidden" / "secret.csv")
    else:
        (shop.folder / ".first").symlink_to(secret)
        link.symlink_to(".first")
    (refused,) = [file for file in find_drops(shop.settings) if file.path == "link.csv"]
    assert refused.size_bytes != secret.stat().st_size  # nothing is told of what it leads to
    shop.load()
    assert orders(shop) == {"1"}
    status, reason = told(shop)["link.csv"]
    assert status == "rejected"
    assert "leads out of the drop folder" in reason
    assert "deliver the file itself" in reason
    assert f'drops.follow_links = "{"all" if rule == "own" else rule}"' in reason


def test_a_linked_folder_outside_is_not_walked(shop, secret):
    (shop.folder / "more").symlink_to(secret.parent)
    shop.load()
    assert orders(shop) == {"1"}


@pytest.mark.parametrize("rule", ["own", "all"])
def test_links_that_lead_out_are_read_where_they_are_ours_or_the_settings_say_so(rule, shop, secret, monkeypatch):
    (shop.folder / "link.csv").symlink_to(secret)
    (shop.folder / "again.csv").symlink_to("link.csv")
    if rule == "all":
        made_by_others(monkeypatch)
        shop.set(**PATTERNS, drops={"folder": "drops", "follow_links": "all"})
    shop.load()
    assert orders(shop) == {"1", "secret"}


def test_a_link_of_somebody_else_is_told_from_ours(shop, secret, monkeypatch):
    link = shop.folder / "link.csv"
    link.symlink_to(secret)
    if os.geteuid() == 0:
        os.lchown(link, 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    shop.load()
    assert orders(shop) == {"1"}


def test_links_in_a_circle_are_refused(shop):
    (shop.folder / "a.csv").symlink_to("b.csv")
    (shop.folder / "b.csv").symlink_to("a.csv")
    shop.load()
    assert orders(shop) == {"1"}
    assert {told(shop)[name][0] for name in ("a.csv", "b.csv")} == {"rejected"}


@pytest.mark.parametrize("swap", ["file", "folder", "pipe"])
def test_what_is_swapped_after_the_folder_was_listed_leads_nowhere(swap, shop, secret, monkeypatch):
    made_by_others(monkeypatch)
    target = shop.deliver("day/a.csv", [line(order="2")])
    (file,) = [file for file in find_drops(shop.settings) if file.path == "day/a.csv"]
    target.unlink()
    if swap == "file":
        target.symlink_to(secret)
    elif swap == "pipe":
        os.mkfifo(target)
    else:
        target.parent.rmdir()
        target.parent.symlink_to(secret.parent)
        (secret.parent / "a.csv").write_bytes(secret.read_bytes())
    with pytest.raises(OSError, match=r"leads out of the drop folder|it is no file any more"):
        file.open()


def test_a_link_that_appears_between_resolving_and_opening_is_refused_by_the_system(shop, secret, monkeypatch):
    target = shop.deliver("day/a.csv", [line(order="2")])
    resolve = entries._resolved

    def resolve_then_swap(*arguments):
        found = resolve(*arguments)
        target.unlink()
        target.symlink_to(secret)
        return found

    folder = drop_folder(shop.settings)
    monkeypatch.setattr(entries, "_resolved", resolve_then_swap)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        folder.open("day/a.csv", "")


# --- names -----------------------------------------------------------------------------------------------------------------------


def test_every_hostile_name_is_loaded_or_refused_under_a_spelling_and_the_next_run_finds_nothing_new(hostile_project):
    rows = sahara("drops", "--json", cwd=hostile_project).json
    loaded = {row["path"] for row in rows if row["status"] == "loaded"}
    refused = {row["path"]: row["reason"] for row in rows if row["status"] == "rejected"}
    assert loaded == {f"purchases/{name}" for name in SHOWN_NAMES}
    assert len(refused) == len(REFUSED_NAMES)
    assert all(RENAME in reason for reason in refused.values())
    assert all(is_harmless(path) for path in refused)


def is_harmless(text):
    """Nothing that moves a cursor, makes a line, or turns the order of letters around."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return not any(
        unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"} or unicodedata.bidirectional(c) in turning for c in text
    )


@given(
    st.sets(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
        | st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name)).map(os.fsdecode),
        max_size=6,
    )
)
def test_whatever_files_are_called_each_is_found_once_and_opened_only_under_a_harmless_name(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("drops")
    kept = {name for name in names if not name.startswith(".") and name not in {".", ".."}}
    for name in kept:
        (folder / name).write_text(name, encoding="utf-8", errors="surrogateescape")
    unfinished = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
    kept = {name for name in kept if not name.endswith(unfinished)}
    files = find_drops(parse_settings({"drops": {"folder": str(folder)}, **PATTERNS}, root=folder))
    assert len(files) == len(kept)
    assert all(is_harmless(file.path) for file in files)
    assert len({file.path for file in files if file.fault is None}) == sum(file.fault is None for file in files)
    for file in files:
        if file.fault is None:
            assert file.path in kept
            with file.open() as stream:
                assert stream.read().decode() == file.path
        else:
            with pytest.raises(DropError, match="rename it"):
                file.open()


def test_a_refused_name_never_stands_for_the_file_that_is_really_called_so(shop):
    shop.deliver("a\\x1b.csv", [line(order="2")])
    shop.deliver("a\x1b.csv", [line(order="3")])
    shop.load()
    assert orders(shop) == {"1", "2"}
    assert told(shop)["a\\x1b.csv"] == ("loaded", None)
    assert told(shop)["a\\x1b.csv (refused)"][0] == "rejected"
    (shop.folder / "a\x1b.csv").rename(shop.folder / "b.csv")
    shop.load()
    assert orders(shop) == {"1", "2", "3"}


def test_names_of_objects_in_a_store_are_refused_as_those_of_files_are(bucket, tmp_path):
    names = {
        "plain.csv": None,
        "été 注文.csv": None,
        "tab\tbed.csv": RENAME,
        "\u202ecsv.exe.csv": RENAME,
        "a\x7fb.csv": RENAME,
    }
    for name in names:
        bucket.put(f"drops/{name}", as_csv([line(order=name.encode().hex())]))
    shop = SmallShop(tmp_path, **PATTERNS)
    shop.set(**PATTERNS, drops={"folder": bucket.address("drops")})
    files = find_drops(shop.settings)
    assert sorted(file.fault or "" for file in files) == sorted(fault or "" for fault in names.values())
    assert all(is_harmless(file.path) for file in files)
    shop.load()
    assert orders(shop) == {name.encode().hex() for name, fault in names.items() if fault is None}
    assert sorted(status for status, _ in told(shop).values()) == [
        "loaded",
        "loaded",
        "rejected",
        "rejected",
        "rejected",
    ]


@pytest.mark.parametrize("name", ["../../escaped.csv", "/escaped.csv", "a/../../escaped.csv"])
def test_an_object_whose_name_leads_out_of_a_folder_is_not_copied_there(name, shop, tmp_path):
    """`sahara init` copies the objects of a store to look at them; in a store such names are names like any other."""
    (file,) = [file for file in find_drops(shop.settings) if file.path == "good.csv"]
    here = tmp_path / "scratch" / "deep"
    here.mkdir(parents=True)
    with pytest.raises(SaharaError, match="its name leads out of any folder; rename it"):
        _copy(replace(file, path=name), here)
    assert not list(tmp_path.rglob("escaped.csv"))
    assert not Path("/escaped.csv").exists()


# --- what we write ---------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_written_replaces_a_link_and_not_what_it_leads_to(tmp_path, secret):
    before = secret.read_bytes()
    target = tmp_path / "out.csv"
    target.symlink_to(secret)
    write_whole(target, b"ours")
    assert secret.read_bytes() == before
    assert not target.is_symlink()
    assert target.read_bytes() == b"ours"


def test_nobody_else_may_enter_what_is_spilled(tmp_path):
    scratch = Scratch()
    assert stat.S_IMODE(scratch.path.stat().st_mode) == 0o700
    scratch.close()
    assert not scratch.path.exists()


@pytest.mark.parametrize(
    "outputs", [("--csv", "in.csv"), ("--rejects", "./in.csv"), ("--csv", "out.csv", "--rejects", "out.csv")]
)
def test_peek_writes_over_neither_what_it_reads_nor_its_own_file(outputs, tmp_path):
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    outcome = sahara("peek", "in.csv", *outputs, cwd=tmp_path)
    assert outcome.code == 2
    assert "must be two files, and neither of them the one that is read" in outcome.err
    assert (tmp_path / "in.csv").read_text() == "a,b\n1,2\n"


def test_a_folder_is_opened_where_the_settings_say_it_is_even_if_that_is_a_link(tmp_path):
    """The owner of the settings may name a link; the files below it are inside."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.csv").write_text("x")
    (tmp_path / "drops").symlink_to(real)
    (file,) = find_drops(parse_settings({"drops": {"folder": "drops"}, **PATTERNS}, root=tmp_path))
    assert file.fault is None
    assert isinstance(file.folder, LocalFolder)
    with file.open() as stream:
        assert stream.read() == b"x"
