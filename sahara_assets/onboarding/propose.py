"""`propose`: the whole of `sahara init` but the writing: find files, group, classify, map, count, conclude.

Reads as a table of contents; each step lives in the module it calls. Nothing here prompts, prints or writes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.drops.attributes import as_read
from sahara_assets.onboarding import inference
from sahara_assets.onboarding.attributes import AttributeMatch, find_attributes, settings_of
from sahara_assets.onboarding.mapping import ROLES, Mapping, map_columns
from sahara_assets.onboarding.patterns import propose_patterns
from sahara_assets.onboarding.proposal import DatasetProposal, Finding, KnownDataset, Proposal, UnusedFile, shown
from sahara_assets.onboarding.reading import read_text
from sahara_assets.onboarding.recognising import Recognised, recognise_files
from sahara_assets.onboarding.rules import guess_rules
from sahara_assets.onboarding.sampling import Group, Progress, find_files, group_files
from sahara_assets.onboarding.scan import Scan, scan_dataset
from sahara_assets.onboarding.vocabulary import ideas_of, loose, words_of
from sahara_assets.settings.dataset import DatasetSettings
from sahara_assets.tables.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LOOK_BYTES = 4096
_LEAST_FIT = {"purchases": 2.2, "products": 2.8, "customers": 2.8, "accounts": 2.8, "sign_ups": 2.8}
_FILE_WORDS = {
    "purchases": {"order", "sale", "line", "lineitem"},
    "products": {"product", "sku", "stock"},
    "customers": {"customer", "user"},
}
"""What names of files and folders say, for the datasets that are known by themselves; accounts and sign-ups only beside customers."""
_MOST_OF_SIGN_UPS = 4
"""A list of sign-ups says who and when, and hardly more."""
_REMEDIES = {
    "order_id": "export the order, invoice or receipt number with every line",
    "product_id": "export the article number or SKU with every line",
    "quantity": "export one row per order line with the units bought; if every row is one unit, add a column that says 1",
    "unit_price": "export the price of one unit; a line's amount is quantity × price and would be multiplied again",
    "ordered_at": "export the date (and time) of the order with every line; if it stands in a file of orders, join it to the lines",
    "customer_id": "export the customer's number with every line; without it there is no one to segment",
}


@dataclass
class _Classified:
    group: Group
    mappings: dict[str, Mapping]
    fits: dict[str, float]

    @property
    def best(self) -> str:
        return max(self.fits, key=lambda name: self.fits[name])


def propose(files: Sequence[Path], root: Path, progress: Progress | None = None) -> Proposal:
    """What a stranger's files hold, and the settings that read them.

    Args:
        files: CSV, JSON or Parquet files (plain, gzip, zstd or zip) and folders of such.
        root: the folder that `sahara.toml` will be written to.
        progress: called with what is being done, how many files of it are done, and of how many.

    Raises:
        SaharaError: nothing was given, or a file or folder does not exist or cannot be read.
    """
    found, folder = find_files(files)
    all_paths = {_relative(path, folder) for path in found}
    recognised, others = recognise_files(found)
    known, unused = _known(recognised, folder, all_paths)
    groups, unread = group_files(others, progress)
    classified = [_classify(group) for group in groups]
    _beside_customers(classified)
    sells = any(dataset.sells for dataset in known)
    chosen, left_over = _choose(classified, folder, needs_purchases=not sells)
    unused += left_over
    unused += [UnusedFile(_relative(item.path, folder), item.reason) for item in unread]
    datasets: list[DatasetProposal] = []
    scans: dict[str, Scan] = {}
    for name in DATASETS:
        if name in chosen:
            proposal, scans[name] = _dataset(name, chosen[name], folder, all_paths, progress)
            datasets.append(proposal)
    purchases = next((dataset for dataset in datasets if dataset.name == "purchases"), None)
    people = [dataset for dataset in datasets if dataset.name in {"customers", "accounts"}]
    told_by = purchases or next((dataset for dataset in people if dataset.amounts.signs), next(iter(people), None))
    mine = [item.group for item in chosen.get(told_by.name, [])] if told_by else []
    could_not = _could_not(datasets, from_analytics=sells)
    return Proposal(
        root=root,
        folder=_folder(folder, root),
        datasets=tuple(datasets),
        unused=tuple(sorted(unused, key=lambda item: item.path)),
        rules=guess_rules(scans["purchases"], scans.get("products")) if "purchases" in scans else None,
        currency=inference.currency(scans.get("purchases"), mine, told_by.amounts if told_by else None),
        could_not=tuple(could_not),
        complete=_is_complete(datasets, from_analytics=sells),
        known=tuple(known),
        analytics=_analytics(known, has_purchases=purchases is not None),
    )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _folder(folder: Path, root: Path) -> str:
    here = root.resolve()
    return folder.relative_to(here).as_posix() if folder.is_relative_to(here) else folder.as_posix()


# --- exports that are known by their names ----------------------------------------------------------------------------------------


def _known(
    recognised: Sequence[Recognised], folder: Path, all_paths: set[str]
) -> tuple[list[KnownDataset], list[UnusedFile]]:
    """One export a dataset, the one with the most files; the others are left over."""
    known: dict[str, KnownDataset] = {}
    unused: list[UnusedFile] = []
    for found in sorted(recognised, key=lambda one: (-len(one.files), one.files[0].parts)):
        name = found.export.dataset
        paths = tuple(sorted(_relative(path, folder) for path in found.files))
        if name in known:
            why = f"is {found.export.title}, but {name} are read as {known[name].title}, or by other names"
            unused += [UnusedFile(path, f"{why}; export both alike") for path in paths]
            continue
        patterns = propose_patterns(list(paths), sorted(all_paths - set(paths)))
        known[name] = KnownDataset(name, found.export.title, found.names, paths, patterns, found.reading)
    return [known[name] for name in DATASETS if name in known], unused


def _analytics(known: Sequence[KnownDataset], *, has_purchases: bool) -> dict[str, str]:
    """What `[analytics]` must say beyond its defaults."""
    if not known:
        return {}
    columns = set.intersection(*({*dataset.reading["columns"]} for dataset in known))
    customer = next((name for name in ("visitor_id", "user_id", "client_id") if name in columns), "visitor_id")
    settings = {} if customer == "visitor_id" else {"customer": customer}
    sellers = [dataset for dataset in known if dataset.sells]
    if sellers and not has_purchases:
        settings["purchases"] = "transactions"
        if not any("order_id" in dataset.reading["columns"] for dataset in sellers):
            settings["order"] = "session"
    return settings


# --- which dataset a group of files is -------------------------------------------------------------------------------------------


def _classify(group: Group) -> _Classified:
    mappings = {name: map_columns(name, group.profiles, group.relations) for name in ROLES}
    fits = {name: mappings[name].fit for name in _FILE_WORDS}
    lines = {match.column: match.sure for match in mappings["purchases"].matches if match.header is not None}
    # An order's file has unique customers or products now and then; what speaks of orders is no list of either.
    order_like = sum(lines.get(name, 0.0) > 0.75 for name in ("order_id", "quantity", "ordered_at"))
    ideas = {idea for name in group.header for word in words_of(name) for idea in ideas_of(word)}
    fits["products"] += (
        0.5 * len(ideas & {"sku", "category", "stock", "price", "list"})
        - 1.3 * order_like
        - 0.7 * len(ideas & {"birth", "email", "phone", "person"})
    )
    fits["customers"] += (
        0.5 * len(ideas & {"birth", "email", "phone", "person", "address", "signup"})
        - 1.3 * order_like
        - 0.7 * len(ideas & {"sku", "stock", "price"})
    )
    named = {
        idea
        for path in group.files[:3]
        for part in (path.parent.name, path.stem)
        for word in words_of(part)
        for idea in ideas_of(word)
    }
    for name, words in _FILE_WORDS.items():
        fits[name] += 0.6 * bool(named & words)
    return _Classified(group, mappings, fits)


def _beside_customers(classified: Sequence[_Classified]) -> None:
    """Lists that a list of customers leads to: their accounts, and when they signed up. Without such a list, these are the customers."""
    customers = [item for item in classified if item.fits["customers"] >= _LEAST_FIT["customers"]]
    for item in classified:
        others = [other for other in customers if other is not item]
        accounts, sign_ups = item.mappings["accounts"], item.mappings["sign_ups"]
        belong = any(
            other.best == "customers" and {"customer_id", "account_id"} <= _columns(other.mappings["customers"])
            for other in others
        )
        if belong and "account_id" in _columns(accounts) and "account_id" not in _columns(item.mappings["customers"]):
            item.fits["accounts"] = max(accounts.fit, item.fits[item.best] + 2.0)
        says_more = any("signed_up_on" not in _columns(other.mappings["customers"]) for other in others)
        if (
            says_more
            and item.best == "customers"
            and not sign_ups.missing
            and len(item.group.header) <= _MOST_OF_SIGN_UPS
        ):
            item.fits["sign_ups"] = item.fits["customers"] + 2.0


def _columns(mapping: Mapping) -> set[str]:
    return {match.column for match in mapping.matches if match.header is not None}


def _choose(
    classified: Sequence[_Classified], folder: Path, *, needs_purchases: bool
) -> tuple[dict[str, list[_Classified]], list[UnusedFile]]:
    """Per dataset the groups it is read from: the best-fitting, and those whose header holds the same mapped names."""
    chosen: dict[str, list[_Classified]] = {}
    unused: list[UnusedFile] = []
    left = sorted(classified, key=lambda item: (-item.fits[item.best], -len(item.group.files)))
    for item in left:
        name = item.best
        if item.fits[name] < _LEAST_FIT[name]:
            unused += [UnusedFile(_relative(path, folder), _unlike(item)) for path in item.group.files]
        elif name not in chosen:
            chosen[name] = [item]
        elif why := _differs(chosen[name][0], item, name):
            unused += [
                UnusedFile(_relative(path, folder), f"looks like {name}, but {why}") for path in item.group.files
            ]
        else:
            chosen[name].append(item)
    if "purchases" not in chosen and needs_purchases:
        _last_resort(classified, chosen, unused, folder)
    return chosen, unused


def _last_resort(
    classified: Sequence[_Classified], chosen: dict[str, list[_Classified]], unused: list[UnusedFile], folder: Path
) -> None:
    """Without purchases, the file that comes nearest is proposed as such, so that a person sees what it lacks."""
    taken = {id(item) for items in chosen.values() for item in items}
    free = [
        item
        for item in classified
        if id(item) not in taken and item.fits["purchases"] > 0.5 and len(_found(item, "purchases")) > 1
    ]
    if free:
        nearest = max(free, key=lambda item: item.fits["purchases"])
        chosen["purchases"] = [nearest]
        mine = {_relative(path, folder) for path in nearest.group.files}
        unused[:] = [item for item in unused if item.path not in mine]


def _found(item: _Classified, name: str) -> list[str]:
    return [match.header for match in item.mappings[name].matches if match.header is not None]


def _unlike(item: _Classified) -> str:
    mapping = item.mappings[item.best]
    had = _found(item, item.best)
    if not item.group.has_header and (not had or mapping.missing):
        return (
            f"it has no header line, and what its {len(item.group.header)} columns hold did not tell all of them; name them by hand: "
            f"header_lines = 0 and column_names under [datasets.{item.best}]"
        )
    if not had:
        return f"no column of ours was found in its header ({shown([name.strip() for name in item.group.header], 5)})"
    return f"too little of a dataset: nearest is {item.best} with {shown(had, 4)}" + (
        f", without {', '.join(mapping.missing)}" if mapping.missing else ""
    )


def _differs(first: _Classified, other: _Classified, name: str) -> str:
    """Why a second group cannot be read with the first's mapping; empty where it can."""
    declared = DATASETS[name]
    wanted = [
        match
        for match in first.mappings[name].matches
        if match.header is not None and match.column in (*declared.required, *declared.expected)
    ]
    names = {loose(header) for header in other.group.header}
    absent = [match.header for match in wanted if loose(str(match.header)) not in names]
    if absent:
        return f"its header lacks {shown([str(one) for one in absent], 4)}; rename its columns or join it to the others"
    if first.group.dialect.quote != other.group.dialect.quote:
        return "it is quoted otherwise"
    for part, why in (
        ("escape", "quotes are escaped otherwise"),
        ("header_lines", "its header has more or fewer lines"),
    ):
        if getattr(first.group.dialect, part) != getattr(other.group.dialect, part):
            return why
    auto = {",", ";", "\t", "|"}
    if (
        first.group.dialect.delimiter != other.group.dialect.delimiter
        and not {first.group.dialect.delimiter, other.group.dialect.delimiter} <= auto
    ):
        return "it is delimited otherwise"
    if first.group.mark != other.group.mark and min(first.group.mark_sure, other.group.mark_sure) > 0.8:
        return "its decimal mark is another"
    return ""


# --- one dataset -----------------------------------------------------------------------------------------------------------------


def _dataset(
    name: str, items: Sequence[_Classified], folder: Path, all_paths: set[str], progress: Progress | None
) -> tuple[DatasetProposal, Scan]:
    groups = [item.group for item in items]
    mapping = items[0].mappings[name]
    columns = {match.column: match.header for match in mapping.matches if match.header is not None}
    attributes = _attributes(name, items[0])
    columns |= {match.attribute.name: match.header for match in attributes if match.fits}
    keys = DATASETS[name].key or ("order_id", "product_id")
    declared, _ = as_read(DATASETS[name], DatasetSettings(attributes=settings_of(attributes)))
    scan = scan_dataset(groups, columns, keys, progress)
    written = inference.amounts(declared, scan)
    mark, separator = inference.decimal_mark(groups, written), inference.delimiter(groups)
    formats = Counter(read_text(path, _LOOK_BYTES).format for group in groups for path in group.files)
    dates = inference.dates(declared, scan, mark.value, separator.value)
    paths = sorted(_relative(path, folder) for group in groups for path in group.files)
    fits = sorted(items[0].fits.values(), reverse=True)
    mapped = {loose(header) for header in columns.values()}
    proposal = DatasetProposal(
        name=name,
        sure=max(0.3, min(0.99, 0.5 + 0.16 * (fits[0] - max(fits[1], 0.5)))) if items[0].best == name else 0.3,
        evidence=f"{len(columns)} of our {len(mapping.matches)} columns were found in the header",
        paths=tuple(paths),
        patterns=propose_patterns(paths, sorted(all_paths - set(paths))),
        columns=mapping.matches,
        attributes=attributes,
        unmapped=tuple(
            dict.fromkeys(
                header for group in groups for header in group.header if loose(header) not in mapped and header.strip()
            )
        ),
        delimiter=separator,
        quote=inference.quote(groups),
        rest_of_dialect=inference.rest_of_dialect(groups),
        encoding=inference.encoding(scan),
        format=inference.file_format(formats),
        amounts=written,
        decimal_mark=mark,
        has_header=Finding(all(group.has_header for group in groups), 0.9, groups[0].header_evidence),
        date_formats=Finding(dates.formats, dates.sure, dates.evidence) if dates else Finding((), 0.0, ""),
        dates_undecided=bool(dates and dates.undecided),
        null_values=inference.null_values(scan),
        normalise=inference.normalise(name, scan),
        key=inference.key(name, scan),
        warnings=tuple(inference.warnings(declared, scan, groups, columns, written, dates)),
        rows=scan.rows,
        extent=scan.extent,
    )
    return proposal, scan


def _attributes(name: str, item: _Classified) -> tuple[AttributeMatch, ...]:
    """What the file says of customers beside our columns."""
    if not DATASETS[name].takes_attributes:
        return ()
    taken = {match.index for match in item.mappings[name].matches if match.header is not None}
    return find_attributes(item.group.profiles, taken)


def _is_complete(datasets: Sequence[DatasetProposal], *, from_analytics: bool) -> bool:
    """Whether a run would work: with purchases, with those of analytics, or with customers who are measured by their attributes."""
    purchases = next((dataset for dataset in datasets if dataset.name == "purchases"), None)
    if purchases is not None:
        return not purchases.missing and not purchases.undecided
    return from_analytics or any(dataset.model and not dataset.undecided for dataset in datasets)


def _could_not(datasets: Sequence[DatasetProposal], *, from_analytics: bool) -> list[str]:
    told = []
    purchases = next((dataset for dataset in datasets if dataset.name == "purchases"), None)
    if purchases is None and not from_analytics and any(dataset.model for dataset in datasets):
        told.append(
            "find purchases: customers are measured by what their file says of them, and by nothing they bought"
        )
    elif purchases is None and not from_analytics:
        told.append(
            "find purchases: no file holds order lines (order, product, quantity, price, date); add one and run `sahara init` again"
        )
    for dataset in datasets:
        told += [
            f"find {dataset.name}.{column}: {_REMEDIES.get(column, 'name its header by hand')}"
            for column in dataset.missing
        ]
        told += [
            f"decide {question}; remove the # before the right lines of [datasets.{dataset.name}]"
            for question in dataset.undecided
        ]
    told.append("know the time zone: dates without an offset are read as UTC until project.time_zone says otherwise")
    return told
