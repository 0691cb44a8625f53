"""Finds what is wrong with a settings document, and says it in lines a person can act on.

Two kinds of fault meet here: what the models of `sections.py` refuse about one value, put into plain words, and what no single value
shows (`document_problems`): names that only the declared tables know, and values that contradict each other. The second kind is asked
of the document as it stands, so that it is listed beside the first rather than after it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from sahara_assets.settings.feature_problems import feature_problems
from sahara_assets.settings.repeat_buyers import repeat_buyer_problems
from sahara_assets.settings.unknown import Place, unknown_key
from sahara_assets.tables.attributes import BY_NAME as ATTRIBUTES
from sahara_assets.tables.attributes import FAMILY_NAMES, well_known
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sahara_assets.tables.datasets import Dataset

_WORDS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number, neither infinite nor nan",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": 'must be a list, such as ["a", "b"]',
    "dict_type": "must be a table of keys and values",
    "model_type": "must be a table of keys and values",
    "model_attributes_type": "must be a table of keys and values",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be above {gt}",
    "less_than": "must be below {lt}",
    "literal_error": "must be one of {expected}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "missing": "is missing",
}
INTERNAL = ("root", "addresses")
"""What the settings carry that nobody writes into the file."""

_AUDIENCE_COLUMNS = ("client_id", "stream_id", "user_id")


def listed(problems: Sequence[tuple[Place, str]], variables: Mapping[Place, str]) -> list[str]:
    """One line for every problem, `section.key: what is wrong`; a value that came from the environment goes by its variable."""
    lines: dict[str, None] = {}
    for place, sentence in problems:
        named = next(
            (variables[place[:depth]] for depth in range(len(place), 0, -1) if place[:depth] in variables), None
        )
        where = f"environment: {named}" if named else ".".join(place)
        lines[f"{where}: {sentence}" if where else sentence] = None
    return list(lines)


def describe_problems(error: ValidationError, model: type[BaseModel]) -> list[tuple[Place, str]]:
    """What the validator found, in our words."""
    return [_describe(dict(problem), model) for problem in error.errors(include_url=False)]


def _describe(problem: dict[str, Any], model: type[BaseModel]) -> tuple[Place, str]:
    place = tuple(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return place[:-1], unknown_key(place[-1], _keys_at(model, place[:-1]), noun="key")
    if problem["type"] == "value_error":
        return place, str(problem["msg"]).removeprefix("Value error, ")
    words = _WORDS.get(problem["type"], str(problem["msg"])).format(**problem.get("ctx", {}))
    if _is_secret(model, place):
        return place, words
    found = (
        "a table"
        if isinstance(problem["input"], dict)
        else json.dumps(problem["input"], default=str, ensure_ascii=False)
    )
    return place, f"{words} (found {found})"


def _is_secret(model: type[BaseModel], place: Place) -> bool:
    """Whether a setting is kept out of what is shown; then so is what was found in its place."""
    current: Any = model
    for part in place:
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            return False
        if not field.repr:
            return True
        current = field.annotation
    return False


def _keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that the model knows at a place in the document."""
    current: Any = model
    for part in place:
        fields = getattr(current, "model_fields", None)
        # Below a table of tables (datasets.NAME) the next part is a name, and the value's model is the last type argument.
        annotation = fields[part].annotation if fields and part in fields else current
        arguments = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
        current = arguments[-1] if arguments else annotation
    return [name for name in getattr(current, "model_fields", {}) if name not in INTERNAL]


def document_problems(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What is wrong between values, or with names that the declared tables know; a value of a wrong type is left to the models.

    Args:
        document: what was set.
        defaults: the same for what was not.
    """
    yield from _with_nul(document)
    datasets = document.get("datasets")
    if isinstance(datasets, dict):
        rule = _section(document, "analytics").get("purchases", "none")
        seen = [name for name in ("sessions", "events") if name in datasets]
        visitors = _section(document, "features").get("population") in {"visitors", "everyone"}
        measured = "customers" in datasets or (visitors and seen)
        if "purchases" not in datasets and not measured and (rule == "none" or not seen):
            remedy = "Add [datasets.purchases]"
            if seen:
                remedy += (
                    f', or take those of {" and ".join(seen)}: [analytics] purchases = "transactions", or measure who came: '
                    '[features] population = "visitors"'
                )
            yield ("datasets",), f"purchases is missing; without order lines there is nothing to segment. {remedy}"
        if rule == "tutorial" and "sessions" not in datasets:
            yield (
                ("analytics", "purchases"),
                "tutorial speaks of hits, which only sessions have; add [datasets.sessions]",
            )
        for name, dataset in datasets.items():
            if name not in DATASETS:
                yield ("datasets",), unknown_key(name, list(DATASETS), noun="dataset")
            elif isinstance(dataset, dict):
                problems = [*_dataset_problems(DATASETS[name], dataset), *_number_problems(dataset, document)]
                for place, sentence in problems:
                    yield ("datasets", name, *place), sentence
        yield from _attributes_of_two_kinds(datasets)
    yield from feature_problems(document, defaults)
    yield from repeat_buyer_problems(document, defaults)
    yield from _segmentation_problems(_section(document, "segmentation"), defaults["segmentation"])
    yield from _export_problems(_section(document, "export"), defaults["export"])
    project = _section(document, "project")
    if isinstance(project.get("currency_rates"), dict) and project["currency_rates"] and not project.get("currency"):
        yield ("project", "currency_rates"), "needs project.currency: the one that the rates lead to"


def _with_nul(value: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """No database holds a NUL, and a statement would end there."""
    if isinstance(value, str) and "\0" in value:
        yield place, "holds a NUL; remove it"
    elif isinstance(value, list):
        for inner in value:
            yield from _with_nul(inner, place)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\0" in name:
                yield place, "has a name that holds a NUL; remove it"
            yield from _with_nul(inner, (*place, name))


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _listed(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = document.get(name)
    return found if isinstance(found, list) else [found] if isinstance(found, str) and found else []


def _dataset_problems(dataset: Dataset, found: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    yield from _name_problems(dataset, found)
    for column, source in _section(found, "columns").items():
        if source == "" and column in dataset.required and column not in dataset.stand_ins:
            yield ("columns", column), f"must be in every row of {dataset.name}; nothing can stand in for it"
    version = found.get("version_column")
    if isinstance(version, str) and version and version not in dataset.column_names:
        yield ("version_column",), unknown_key(version, list(dataset.column_names), noun="column")
    mapped = [*_section(found, "columns").items(), *_attribute_columns(found).items()]
    sources = [source for _, source in mapped if isinstance(source, str) and source]
    for source in dict.fromkeys(source for source in sources if sources.count(source) > 1):
        twins = [column for column, name in mapped if name == source]
        kinds = sorted(str(dataset.column(column).kind) for column in twins if column in dataset.column_names)
        # A session's id is often the second in which it began.
        if kinds != [Kind.TEXT, Kind.TIMESTAMP]:
            said = f"the header's {source!r} is mapped to {' and '.join(twins)}"
            yield ("columns",), f"{said}; a header's column can mean one thing only"
    yield from _attribute_problems(dataset, found)
    yield from _dialect_problems(found)
    if _listed(found, "explode") and found.get("format") == "csv":
        yield (
            ("explode",),
            "takes lists of nested documents apart, and CSV has none; leave it out, or set another format",
        )


def _name_problems(dataset: Dataset, found: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Names that are no columns, or columns of another kind."""
    known = list(dataset.column_names)
    attributes = _attribute_columns(found)
    micros = [name for name in _listed(found, "micros") if isinstance(name, str)]
    keys = (("columns", ()), ("normalise", tuple(attributes)), ("constants", ()))
    named = [(key, _section(found, key), more) for key, more in keys]
    for key, names, more in (*named, ("micros", micros, tuple(attributes))):
        for column in names:
            if column not in {*known, *more}:
                yield (key,), unknown_key(column, [*known, *more], noun="column")
    for column in _section(found, "normalise"):
        if column in known and dataset.column(column).kind is not Kind.TEXT:
            yield ("normalise", column), "is not a text column; only ids and other text can be normalised"
    for column in micros:
        if column in known and dataset.column(column).kind is not Kind.DECIMAL:
            yield ("micros",), f"{column} is no column of amounts"
    for column in _section(found, "constants"):
        if mapped := _section(found, "columns").get(column):
            yield ("constants", column), f"is mapped to {mapped!r} too; leave one of the two out"


def _attribute_columns(found: Mapping[str, Any]) -> dict[str, Any]:
    """Declared attributes with the header's names that they are read from."""
    return {
        name: declared.get("column") if isinstance(declared, dict) else declared
        for name, declared in _section(found, "attributes").items()
    }


_OWN_COLUMNS = frozenset(
    column for dataset in DATASETS.values() if dataset.takes_attributes for column in dataset.column_names
)


def _attribute_problems(dataset: Dataset, found: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Attributes where there are none, or under names that say nothing."""
    attributes = _section(found, "attributes")
    if attributes and not dataset.takes_attributes:
        takers = " and ".join(name for name, other in DATASETS.items() if other.takes_attributes)
        yield ("attributes",), f"only {takers} have attributes"
        return
    for name, declared in attributes.items():
        place = ("attributes", name)
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            yield place, "must be lower-case letters, digits and _, begin with a letter, and have 40 characters at most"
        elif name in _OWN_COLUMNS:
            yield place, "is a column of its own; map it under columns"
        elif well_known(name) is None and not (isinstance(declared, dict) and "kind" in declared):
            hint = unknown_key(name, [*ATTRIBUTES, *FAMILY_NAMES], noun="attribute")
            yield place, f'{hint}; for one of your own say its kind: {{ column = "…", kind = "number" }}'
        if isinstance(declared, dict):
            yes, no = declared.get("yes"), declared.get("no")
            both = [word for word in yes if word in no] if isinstance(yes, list) and isinstance(no, list) else []
            if both:
                yield place, f"{both[0]!r} means both yes and no"


def _attributes_of_two_kinds(datasets: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """One name is one thing, whichever file says it."""
    kinds: dict[str, tuple[str, object]] = {}
    for dataset, found in datasets.items():
        for name, declared in _section(found, "attributes").items() if isinstance(found, dict) else ():
            known = well_known(name)
            kind = declared.get("kind") if isinstance(declared, dict) else None
            kind = str(known.kind) if kind is None and known else kind
            first, other = kinds.setdefault(name, (dataset, kind))
            if other != kind:
                yield ("datasets", dataset, "attributes", name), f"is a {kind} here and a {other} in datasets.{first}"


def _dialect_problems(found: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Characters that would mean two things, and columns without a name."""
    delimiter, quote = found.get("delimiter"), found.get("quote", '"')
    for key in ("quote", "escape", "record_delimiter"):
        if isinstance(found.get(key), str) and found[key] and found[key] == delimiter:
            yield (key,), "is the delimiter too"
    comment = found.get("comment")
    if isinstance(comment, str) and comment and comment[0] in {quote, delimiter}:
        yield ("comment",), f"begins with {comment[0]!r}, which every row may begin with"
    names, lines = found.get("column_names", []), found.get("header_lines", 1)
    if not isinstance(names, list):
        return
    if lines == 0 and not names:
        yield ("column_names",), "is missing; files without a header need the names of all their columns, in order"
    if names and lines != 0:
        yield ("column_names",), "is for files without a header; set header_lines = 0, or leave it out"
    for column, source in {**_section(found, "columns"), **_attribute_columns(found)}.items():
        if lines == 0 and names and isinstance(source, str) and source and source not in names:
            yield ("columns", column), f"{source!r} is none of column_names"


def _number_problems(found: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What about a dataset's numbers contradicts itself, or the project."""
    mark = found.get("thousands_mark")
    if mark and mark == found.get("decimal_mark", "."):
        yield ("thousands_mark",), "is the decimal mark too; 1.234 could not be told from 1.234"
    if found.get("digit_grouping") == "indian" and not mark:
        yield ("digit_grouping",), "says where the thousands mark stands, but thousands_mark is empty"
    if found.get("currency_text") is True and not _section(document, "project").get("currency"):
        yield (
            ("currency_text",),
            "needs project.currency: without it nobody can say whether a sign is the right one",
        )


def _segmentation_problems(found: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    effective = {**defaults, **found}
    fewest, most = effective["k_min"], effective["k_max"]
    if isinstance(fewest, int) and isinstance(most, int) and fewest > most:
        # The one that was set is at fault: with k_max = 2 alone it is not k_min.
        yield ("segmentation", "k_min" if "k_min" in found else "k_max"), f"k_min ({fewest}) is above k_max ({most})"


def _export_problems(found: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    effective = {**defaults, **found}
    stream = effective["stream_id"]
    if isinstance(stream, str) and stream and not (stream.isascii() and stream.isdigit()):
        what = "is a measurement id" if stream.upper().startswith("G-") else "is not a number"
        yield (
            ("export", "stream_id"),
            f"{stream!r} {what}; the import wants the web stream's number, such as 1234567890 (Admin, Data streams)",
        )
    pairs = (("segment_property", "tier_property"), ("ga360_segment_dimension", "ga360_tier_dimension"))
    for one, other in pairs:
        if effective[one] == effective[other]:
            at_fault = other if other in found else one
            yield ("export", at_fault), f"{one} and {other} are the same ({effective[one]!r})"
    for key in ("segment_property", "tier_property"):
        if effective[key] in _AUDIENCE_COLUMNS:
            yield (
                ("export", key),
                f"{effective[key]!r} is a key column of the audience file; give the property another name",
            )
