"""A proposal as a commented `sahara.toml`.

Every inferred line carries how sure it is and why; what was not found stands as a comment with what is lost without it. Whatever a
stranger's header holds is escaped: a value can never end its string, nor a comment its line.
"""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

from sahara_assets.onboarding.proposal import (
    DatasetProposal,
    Finding,
    KnownDataset,
    Proposal,
    percent,
    shown,
)
from sahara_assets.onboarding.vocabulary import loose
from sahara_assets.tables.attributes import AttributeKind
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sahara_assets.drops.numbers import NumberFormat
    from sahara_assets.onboarding.mapping import ColumnMatch
    from sahara_assets.onboarding.rules import FeeCode, PrefixFound, RuleGuess

_WIDTH = 110
_LOST = {
    "customer_id": "without it there is no one to segment",
    "description": "the report names products by their id only",
    "country": "no country feature and no country in profiles",
    "category": "no spend shares by category",
    "currency": "lines in another currency cannot be told apart",
    "client_id": "no audience file for GA360, and GA4's is keyed by user_id",
    "user_id": "GA4's audience file takes customer_id as user_id",
    "list_price": "no catalogue price",
    "signed_up_on": "no sign-up date",
}


def toml_string(text: str) -> str:
    r"""A TOML basic string that reads back as the text.

    >>> print(toml_string('say "hi"\\\t'))
    "say \"hi\"\\\t"
    """
    short = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
    return (
        '"'
        + "".join(
            short.get(letter) or (letter if letter.isprintable() or letter == " " else _escaped(letter))
            for letter in text
        )
        + '"'
    )


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xD800 <= code <= 0xDFFF:  # no TOML text can hold half a letter
        return "\\uFFFD"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def toml_list(texts: Sequence[str]) -> str:
    """A TOML array of strings.

    >>> toml_list(["a", "b"])
    '["a", "b"]'
    """
    return f"[{', '.join(toml_string(text) for text in texts)}]"


def _plain(text: str) -> str:
    """Text that is safe in a comment: one line, nothing invisible."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _comment(text: str, indent: str = "# ") -> list[str]:
    return textwrap.wrap(
        _plain(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]


def _sure(sure: float, evidence: str) -> list[str]:
    word = "" if sure >= 0.75 else " PLEASE CHECK."
    return _comment(f"sure: {percent(sure)}.{word} {evidence}")


def render_config(proposal: Proposal) -> str:
    """The text of `sahara.toml`: it parses with `settings.parse_settings`, also where the proposal is not complete."""
    lines = _comment(
        "Written by `sahara init` from the files it was shown. Every inferred line says how sure it is; edit what is wrong, then `sahara run`."
    )
    if not proposal.complete:
        lines += [
            "#",
            *_comment('NOT COMPLETE: `sahara run` cannot start before these are mended (look for "?" below):'),
        ]
    for reason in proposal.could_not:
        lines += _comment(f"could not {reason}", "#   ")
    lines += _project(proposal)
    lines += [
        "",
        "[drops]",
        *_comment("The folder that is watched, relative to this file; patterns below start from it."),
        f"folder = {toml_string(proposal.folder)}",
    ]
    for dataset in proposal.datasets:
        lines += _dataset(dataset, proposal.currency.value)
    for known in proposal.known:
        lines += _known_dataset(known)
    lines += _analytics(proposal)
    if proposal.dataset("purchases") is None and "purchases" not in proposal.analytics:
        lines += _by_attributes(proposal) if proposal.model else _no_purchases()
    lines += _rules(proposal.rules)
    lines += _unused(proposal)
    return "\n".join(lines) + "\n"


def _project(proposal: Proposal) -> list[str]:
    lines = ["", "[project]"]
    lines += _comment(
        "Cannot be known from the files: dates without an offset are local to this zone, such as Europe/London."
    )
    lines.append('time_zone = "UTC"')
    found = proposal.currency
    if found.value:
        return [*lines, *_sure(found.sure, found.evidence), f"currency = {toml_string(found.value)}"]
    return [*lines, *_comment(f"Not found: {found.evidence}. Name the one currency of the prices."), '# currency = "?"']


def _dataset(dataset: DatasetProposal, currency: str) -> list[str]:
    lines = ["", *_comment(f"--- {dataset.name}: {counted(len(dataset.paths), 'file')}, {dataset.extent} ---")]
    lines += _sure(dataset.sure, f"that these are {dataset.name}: {dataset.evidence}.")
    for warning in dataset.warnings:
        lines += _comment(f"WATCH OUT: {warning}")
    lines += [
        f"[datasets.{dataset.name}]",
        *_comment(f"Match {counted(len(dataset.paths), 'file')} of those shown, and no other of them."),
        f"patterns = {toml_list(dataset.patterns)}",
    ]
    if dataset.format.value != "csv":
        lines += _setting("format", dataset.format)
    if "CSV" in dataset.format.evidence:
        lines += _setting("delimiter", dataset.delimiter)
        lines += _setting("quote", dataset.quote)
        for name, finding in dataset.rest_of_dialect:
            lines += [*_sure(finding.sure, finding.evidence), f"{name} = {_toml(finding.value)}"]
        lines += _setting("encoding", dataset.encoding)
    if any(
        match.header is not None and DATASETS[dataset.name].column(match.column).kind is Kind.DECIMAL
        for match in dataset.columns
    ) or any(match.fits and match.attribute.kind is AttributeKind.NUMBER for match in dataset.attributes):
        lines += _amounts(dataset, currency)
    if dataset.null_values.value:
        lines += [
            *_sure(dataset.null_values.sure, dataset.null_values.evidence),
            f"null_values = {toml_list(dataset.null_values.value)}",
        ]
    lines += _comment(
        f"header line: {'yes' if dataset.has_header.value else 'NO'} ({percent(dataset.has_header.sure)}): {dataset.has_header.evidence}"
    )
    lines += _dates(dataset)
    lines += _comment(
        f"key: {dataset.key.evidence}{f' (sure: {percent(dataset.key.sure)})' if dataset.key.value is not None else ''}."
    )
    lines += ["", f"[datasets.{dataset.name}.columns]", *_comment("our column = the header's name")]
    for match in dataset.columns:
        lines += _column(dataset, match)
    lines += _attributes(dataset)
    if dataset.unmapped:
        lines += _comment(
            f"Not mapped, kept in _extra: {', '.join(toml_string(name[:60]) for name in dataset.unmapped)}"
        )
    return [*lines, *_normalise(dataset)]


def _attributes(dataset: DatasetProposal) -> list[str]:
    """What the file says of customers; what its values speak against stands as a comment."""
    if not dataset.attributes:
        return []
    lines = [
        "",
        f"[datasets.{dataset.name}.attributes]",
        *_comment("what else the files say of a customer; each becomes a feature"),
    ]
    for match in dataset.attributes:
        line = f"{match.attribute.name} = {toml_string(match.header.strip())}"
        lines += [*_sure(match.sure, match.evidence), line if match.fits else f"# {line}"]
    return lines


def _by_attributes(proposal: Proposal) -> list[str]:
    """Settings of a project without order lines: everyone in the customer file, by what it says of them."""
    joined = [dataset.name for dataset in proposal.datasets if dataset.name in {"accounts", "sign_ups"}]
    missing = [
        *_comment(
            f"Who has nothing of them, being known from {' or '.join(joined)} only, gets no segment and is counted."
        ),
        'missing = "drop"',
    ]
    return [
        "",
        *_comment("--- purchases: NOT FOUND, so customers are measured by what their file says of them ---"),
        "[features]",
        'population = "customers"',
        *_comment("Every number among the attributes; take out what your segments should not be about."),
        f"model = {toml_list(proposal.model)}",
        "",
        "[preprocessing]",
        *_comment("Amounts differ by orders of magnitude only among a few customers: these are capped."),
        "cap_quantile = 0.95",
        *(missing if joined else []),
    ]


def _toml(value: str | int | Sequence[str]) -> str:
    if isinstance(value, int):
        return str(value)
    return toml_string(value) if isinstance(value, str) else toml_list(value)


def _setting(name: str, finding: Finding[str]) -> list[str]:
    return [*_sure(finding.sure, finding.evidence), f"{name} = {toml_string(finding.value)}"]


def _amounts(dataset: DatasetProposal, currency: str) -> list[str]:
    """How numbers are written; what could not be decided as lines to choose from, what cannot be known as a question."""
    found = dataset.amounts
    lines = []
    if found.undecided:
        lines += _comment(
            "!!! HOW NUMBERS ARE WRITTEN COULD NOT BE DECIDED. Remove the # before the lines of the right reading. !!!"
        )
        for form, reading in found.readings:
            lines += [*_comment(f"{reading}:"), *(f"# {line}" for line in _marks(form))]
    else:
        lines += [*_sure(dataset.decimal_mark.sure, dataset.decimal_mark.evidence)]
        lines += _marks(replace(found.form, decimal_mark=dataset.decimal_mark.value))
    if found.form.negatives:
        lines += [
            *_comment("Negative numbers are also written so."),
            f"negatives = {toml_list(sorted(found.form.negatives))}",
        ]
    if found.signs:
        seen = " and ".join(found.signs)
        if currency in found.form.currencies:
            lines += [
                *_comment(f"Numbers bear {seen}; one that is not {currency}'s rejects its row."),
                "currency_text = true",
            ]
        else:
            lines += [
                *_comment(
                    f"Numbers bear {seen}: name project.currency, then remove the #; until then these rows are rejected."
                ),
                "# currency_text = true",
            ]
    if found.percentages[0]:
        lines += [
            *_comment(
                f'Is {found.percentages[1]!r} 0.125 of something ("share") or 12.5 ("points")? Until it is said, these rows are rejected.'
            ),
            '# percent = "?"',
        ]
    return lines


def _marks(form: NumberFormat) -> list[str]:
    lines = [f"decimal_mark = {toml_string(form.decimal_mark)}"]
    if form.thousands_mark:
        lines.append(f"thousands_mark = {toml_string(form.thousands_mark)}")
    if form.indian:
        lines.append('digit_grouping = "indian"')
    return lines


def _dates(dataset: DatasetProposal) -> list[str]:
    found = dataset.date_formats
    if not found.evidence:
        return []
    lines = []
    if dataset.dates_undecided:
        lines += _comment(
            "!!! DAY OR MONTH FIRST COULD NOT BE DECIDED. Compare one date you know before you trust any number. !!!"
        )
        swapped = [text.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m") for text in found.value]
        return [
            *lines,
            *_comment(f"Remove the # before the right line. Likelier ({percent(found.sure)}): {found.evidence}."),
            f"# date_formats = {toml_list(found.value)}",
            *_comment("The other reading:"),
            f"# date_formats = {toml_list(swapped)}",
        ]
    what = "" if found.value else "ISO 8601 needs no format: "
    return [*lines, *_sure(found.sure, f"{what}{found.evidence}"), f"date_formats = {toml_list(found.value)}"]


def _column(dataset: DatasetProposal, match: ColumnMatch) -> list[str]:
    if match.header is not None:
        return [*_sure(match.sure, match.evidence), f"{match.column} = {toml_string(match.header)}"]
    why = f" ({match.evidence})" if match.evidence else ""
    if match.column in dataset.missing:
        what = DATASETS[dataset.name].column(match.column).description
        return [*_comment(f"NOT FOUND, and every line must have it: {what}{why}"), *_left_open(dataset, match)]
    return [*_comment(f"not found: {_LOST.get(match.column, 'left empty')}{why}"), *_left_open(dataset, match)]


def _left_open(dataset: DatasetProposal, match: ColumnMatch) -> list[str]:
    """A column that is not listed is looked for under its own name: where a header of that name was judged to be something else, "" stops that."""
    if any(loose(header) == match.column for header in dataset.unmapped):
        return [
            *_comment("A header of this name is there, but its values speak against it; the empty name keeps it out."),
            f'{match.column} = ""',
        ]
    return [f'# {match.column} = "?"']


def _normalise(dataset: DatasetProposal) -> list[str]:
    if not dataset.normalise:
        return [
            "",
            *_comment("No id needs normalising: none is written as 17850.0 or both with and without leading zeros."),
        ]
    lines = ["", f"[datasets.{dataset.name}.normalise]"]
    for item in dataset.normalise:
        lines += [*_sure(item.sure, item.evidence), f"{item.column} = {toml_list(item.steps)}"]
    return lines


def _known_dataset(dataset: KnownDataset) -> list[str]:
    lines = ["", *_comment(f"--- {dataset.name}: {counted(len(dataset.paths), 'file')} ---")]
    lines += _comment(
        f"{dataset.title}, known by its names {shown(dataset.names)}; the mapping is that of this export."
    )
    lines += [f"[datasets.{dataset.name}]", f"patterns = {toml_list(dataset.patterns)}"]
    lines += [f"{name} = {toml_list(value)}" for name, value in dataset.reading.items() if isinstance(value, list)]
    for name, value in dataset.reading.items():
        if isinstance(value, dict):
            lines += ["", f"[datasets.{dataset.name}.{name}]"]
            lines += [f"{column} = {toml_string(text)}" for column, text in value.items()]
    return lines


def _analytics(proposal: Proposal) -> list[str]:
    if not proposal.known:
        return []
    settings = proposal.analytics
    lines = ["", "[analytics]"]
    lines += _comment(
        "Which id of a session leads to the customer, through the same column of the customers dataset or as the customer's id."
    )
    lines.append(f"customer = {toml_string(settings.get('customer', 'visitor_id'))}")
    if "purchases" in settings:
        lines += _comment("No file holds order lines, so purchases are the completed ones that analytics tells of.")
        lines.append(f"purchases = {toml_string(settings['purchases'])}")
    else:
        lines += _comment("Purchases are those of the purchases dataset; `transactions` adds those of analytics.")
        lines.append('purchases = "none"')
    if "order" in settings:
        lines += [
            *_comment("The export names no transaction, so a session's purchases are an order."),
            'order = "session"',
        ]
    return lines


def _no_purchases() -> list[str]:
    return [
        "",
        *_comment("--- purchases: NOT FOUND ---"),
        *_comment(
            "No file holds order lines. Put some into the drop folder and run `sahara init` again, or fill this in by hand."
        ),
        "[datasets.purchases]",
        'patterns = ["purchases/*.csv"]',
        "",
        "[datasets.purchases.columns]",
        *(f'# {name} = "?"' for name in (*DATASETS["purchases"].required, *DATASETS["purchases"].expected)),
    ]


def _rules(rules: RuleGuess | None) -> list[str]:
    if rules is None:
        return []
    lines = ["", "[rules]"]
    lines += [
        *_comment("Order ids that start with one of these, followed by a digit, are cancellations."),
        *_prefix("cancellation_prefixes", rules.cancellations),
    ]
    lines += [
        *_comment("The same for adjustments, such as write-offs."),
        *_prefix("adjustment_prefixes", rules.adjustments),
    ]
    lines += _comment(
        f"Product ids that are fees, not merchandise: {rules.fee_evidence}. Compared exactly, capitals included."
    )
    lines.append("fee_codes = [")
    for fee in rules.fees:
        lines.append(f"  {toml_string(fee.code)},  # {_told(fee)}; sure: {percent(fee.sure)}, {_plain(fee.reason)}")
    if rules.candidates:
        lines += _comment("Not taken; remove the # if you know better:", "  # ")
        lines += [f"  # {toml_string(fee.code)},  # {_told(fee)}; {_plain(fee.reason)}" for fee in rules.candidates]
    if rules.more_candidates:
        lines += _comment(f"and {counted(rules.more_candidates, 'more code')} of a rare shape", "  # ")
    return [
        *lines,
        "]",
        *_comment("Whether fee lines count in orders, spend and features; false leaves them out."),
        "fees_count_as_spend = true",
    ]


def _told(fee: FeeCode) -> str:
    description = _plain(fee.description[:60]) or "no description"
    return f"{description}, {counted(fee.lines, 'line')}"


def _prefix(name: str, found: PrefixFound) -> list[str]:
    return [*_sure(found.sure, found.evidence), f"{name} = {toml_list(found.prefixes)}"]


def _unused(proposal: Proposal) -> list[str]:
    if not proposal.unused:
        return []
    lines = ["", *_comment("--- files that belong to no dataset ---")]
    for unused in proposal.unused[:30]:
        lines += _comment(f"{shown([unused.path])}: {unused.reason}")
    if len(proposal.unused) > 30:
        lines += _comment(f"and {len(proposal.unused) - 30:,} more")
    return lines
