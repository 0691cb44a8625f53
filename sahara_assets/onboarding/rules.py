"""What the shop's lines mean: cancellation and adjustment prefixes, and the codes that are fees.

Drawn from the counts of a `Scan` and a general word list in six languages; no code of any particular shop is named. Certain finds become
settings, doubtful ones are offered as comments with the reason.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.onboarding.values import is_empty, shape_of
from sahara_assets.onboarding.vocabulary import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sahara_assets.onboarding.scan import Scan

# A description made of these is a fee whatever its code looks like.
_FEE_WORDS_TEXT = (
    "postage shipping shipment carriage freight courier porto portokosten versand versandkosten versandkostenpauschale fracht frachtkosten lieferkosten lieferpauschale "
    "port livraison envio envios portes flete spedizione verzendkosten verzending bezorgkosten "
    "commission commissions kommission provision comision commissione commissie fee fees gebuhr gebuhren surcharge zuschlag mindermengenzuschlag "
    "handling bearbeitungsgebuhr discount discounts rabatt rabatte remise descuento sconto korting skonto adjustment adjustments adjust korrektur ajuste rettifica "
    "correctie rounding rundung arrondi redondeo arrotondamento trinkgeld pourboire propina bankspesen nachnahmegebuhr delivery"
)
_FEE_WORDS = frozenset(_FEE_WORDS_TEXT.split())
# These are fees only where the code stands out as well: a manual, a sample or a deposit may be merchandise.
_WEAK_WORDS_TEXT = (
    "manual sample samples charge charges service insurance versicherung assurance deposit pfand consigne statiegeld tip muster echantillon echantillons "
    "muestra muestras coupon rebate credit gutschrift avoir lieferung kosten spese gastos frais recargo supplement correction debt write off"
)
_WEAK_WORDS = frozenset(_WEAK_WORDS_TEXT.split())
_FILLERS_TEXT = (
    "a an and und et y e the of for de du des del di da do la le les el der die das bank amazon ebay paypal dotcom web online express standard free cost kosten "
    "flat rate international national domestic inkl inc incl vat mwst tva iva no nr post parcel paket dhl ups fedex hermes dpd gls admin gastos frais spese service "
    "charge charges costs cargo kauf auf"
)
_FILLERS = frozenset(_FILLERS_TEXT.split())
_CODE_WORDS = frozenset(
    {"ship", "post", "frt", "disc", "delivery"}
)  # where there is no description, the code may be the word
_STEMS = ("versand", "porto", "gebuhr", "fracht", "verzend", "bezorg", "spedizion", "shipping", "postage")
_OFFERED_WORDS = {
    "gift wrap": "gift wrapping may be merchandise",
    "geschenkverpackung": "gift wrapping may be merchandise",
    "voucher": "gift vouchers are sold like merchandise",
    "gutschein": "gift vouchers are sold like merchandise",
    "gift card": "gift cards are sold like merchandise",
}
_ADJUSTMENT_WORDS = re.compile(
    r"\b(adjust\w*|bad debt|write.?off|correction|korrektur\w*|abschreibung|ajuste|rettifica|correctie|inventur\w*|stocktake)\b"
)


@dataclass(frozen=True)
class PrefixFound:
    """Order id prefixes of one meaning, with how sure and why."""

    prefixes: tuple[str, ...]
    sure: float
    evidence: str


@dataclass(frozen=True)
class FeeCode:
    """A product code that is a fee, or may be one: `active` ones become settings."""

    code: str
    description: str
    lines: int
    sure: float
    reason: str
    active: bool


@dataclass(frozen=True)
class RuleGuess:
    """The whole of what was made of the lines' meaning; `more_candidates` counts those left off the list."""

    cancellations: PrefixFound
    adjustments: PrefixFound
    fees: tuple[FeeCode, ...] = ()
    candidates: tuple[FeeCode, ...] = ()
    more_candidates: int = 0
    fee_evidence: str = ""


def guess_rules(scan: Scan, products: Scan | None = None) -> RuleGuess:
    """Cancellation and adjustment prefixes and fee codes from the counts of the purchases' files.

    Where the lines carry no description, the products' files (`products`) may.
    """
    usual = (_usual_descriptions(products) if products else {}) | _usual_descriptions(scan)
    cancellations, adjustments = _prefixes(scan, usual)
    ids = [code for code in scan.values.get("product_id", {}) if not is_empty(code)]
    if not ids:
        return RuleGuess(cancellations, adjustments, fee_evidence="no product column was found")
    found, candidates = _fees(scan, usual, frozenset(adjustments.prefixes))
    shown = 20
    evidence = f"{len(found)} of {len(ids):,} product codes, by their descriptions and the shape of their codes ({scan.extent})"
    return RuleGuess(
        cancellations, adjustments, tuple(found), tuple(candidates[:shown]), max(0, len(candidates) - shown), evidence
    )


def _usual_descriptions(scan: Scan) -> dict[str, str]:
    best: dict[str, tuple[int, str]] = {}
    for (code, description), count in scan.descriptions.items():
        if not is_empty(description) and (count, description) > best.get(code, (0, "")):
            best[code] = (count, description)
    return {code: description.strip() for code, (_, description) in best.items()}


# --- prefixes ------------------------------------------------------------------------------------------------------------------------


def _prefixes(scan: Scan, usual: Mapping[str, str]) -> tuple[PrefixFound, PrefixFound]:
    lines: Counter[str] = Counter()
    negative: Counter[str] = Counter()
    known: Counter[str] = Counter()
    worded: Counter[str] = Counter()
    odd_code: Counter[str] = Counter()
    rare = _rare_shapes(scan)
    adjusting = {code for code, description in usual.items() if _ADJUSTMENT_WORDS.search(fold(description))}
    odd = {code for code in scan.values.get("product_id", {}) if is_empty(code) or shape_of(code.strip()) in rare}
    for (prefix, quantity, price, customer, product), count in scan.lines.items():
        lines[prefix] += count
        negative[prefix] += count * ("-" in (quantity, price))
        known[prefix] += count * bool(customer)
        worded[prefix] += count * (product in adjusting)
        odd_code[prefix] += count * (product in odd)
    total = lines.total()
    nothing = (
        "no order ids were found to look at"
        if "order_id" not in scan.values or not total
        else f"no prefix stands out in {scan.extent}"
    )
    main = lines.most_common(1)[0][0] if lines else ""
    others = [prefix for prefix in lines if prefix and prefix != main and lines[prefix] < 0.4 * total]
    cancelled = sorted(
        (prefix for prefix in others if negative[prefix] >= 0.95 * lines[prefix]), key=lambda name: (-lines[name], name)
    )
    adjusted = sorted(
        (
            prefix
            for prefix in others
            if prefix not in cancelled
            and lines[prefix] < 0.01 * total + 1
            and (
                worded[prefix] > 0.5 * lines[prefix]
                or (not known[prefix] and known.total() and odd_code[prefix] == lines[prefix])
            )
        ),
        key=lambda name: (-lines[name], name),
    )
    usual_share = negative[main] / lines[main] if lines[main] else 0.0
    return (
        PrefixFound(
            tuple(cancelled),
            _growing(sum(lines[name] for name in cancelled)) if cancelled else _no_prefix(scan),
            "; ".join(
                f"{name!r}: {lines[name]:,} lines, {negative[name] / lines[name]:.1%} of them negative ({usual_share:.1%} elsewhere)"
                for name in cancelled
            )
            or nothing,
        ),
        PrefixFound(
            tuple(adjusted),
            min(0.9, _growing(sum(lines[name] for name in adjusted))) if adjusted else _no_prefix(scan),
            "; ".join(
                f"{name!r}: {lines[name]:,} lines, {'described as adjustments' if worded[name] else 'without a customer or an ordinary product code'}"
                for name in adjusted
            )
            or nothing,
        ),
    )


def _no_prefix(scan: Scan) -> float:
    """That none stands out says more the more orders were seen."""
    return 0.85 if len(scan.values.get("order_id", ())) >= 200 else 0.6


def _growing(lines: int) -> float:
    """More lines, more sure."""
    return min(0.99, 0.6 + 0.06 * math.log2(lines + 1))


# --- fees ----------------------------------------------------------------------------------------------------------------------------


def _rare_shapes(scan: Scan) -> frozenset[str]:
    """The shapes of codes that few codes have, where most codes have a few common shapes."""
    shapes: Counter[str] = Counter(
        shape_of(code.strip()) for code in scan.values.get("product_id", {}) if not is_empty(code)
    )
    total = shapes.total()
    common = [shape for shape, count in shapes.most_common() if count > max(2, 0.02 * total)]
    return (
        frozenset(shapes) - frozenset(common) if sum(shapes[shape] for shape in common) >= 0.6 * total else frozenset()
    )


def _fees(scan: Scan, usual: Mapping[str, str], adjustments: frozenset[str]) -> tuple[list[FeeCode], list[FeeCode]]:
    lines: Counter[str] = Counter()
    adjusting: Counter[str] = Counter()
    for (prefix, _, _, _, product), count in scan.lines.items():
        lines[product] += count
        adjusting[product] += count * (prefix in adjustments)
    rare = _rare_shapes(scan)
    twins: defaultdict[str, list[str]] = defaultdict(list)
    for code in lines:
        twins[code.lower()].append(code)
    found: list[FeeCode] = []
    candidates: list[FeeCode] = []
    for code, count in lines.items():
        if is_empty(code):
            continue
        bare, description = code.strip(), usual.get(code, "")
        stands_out = shape_of(bare) in rare
        verdict = _judge(bare, description, stands_out=stands_out)
        if verdict is None:
            continue
        sure, reason, active = verdict
        if active and adjusting[code] == count:
            active, reason = False, "all its lines stand on adjustment documents already"
        elif active and count < 2 and scan.rows > 1000:
            twin = next((other for other in twins[code.lower()] if other != code), "")
            active, reason = (
                False,
                f"a single line{f'; ids are never case-folded, so it is not {twin.strip()!r}' if twin else ''}",
            )
        (found if active else candidates).append(
            FeeCode(bare, description, count, sure if active else min(sure, 0.5), reason, active)
        )

    def most_lines(fee: FeeCode) -> tuple[int, str]:
        return (-fee.lines, fee.code)

    return sorted(found, key=most_lines), sorted(candidates, key=most_lines)


def _judge(  # noqa: PLR0911 - a decision table
    code: str, description: str, *, stands_out: bool
) -> tuple[float, str, bool] | None:
    """How sure a code is a fee, why, and whether it becomes a setting; nothing where it is plainly merchandise."""
    words = _words(description or code)
    strong = [word for word in words if word in _FEE_WORDS or word.startswith(_STEMS)]
    weak = [word for word in words if word in _WEAK_WORDS]
    whole = all(
        word in _FEE_WORDS or word in _WEAK_WORDS or word in _FILLERS or word.startswith(_STEMS) or word.isdigit()
        for word in words
    )
    offered = next((why for phrase, why in _OFFERED_WORDS.items() if phrase in " ".join(words)), "")
    if not description and stands_out and set(words) & _CODE_WORDS:
        return 0.8, "the code is a word for a fee, and its shape is rare", True
    told = f"{(strong or weak or [''])[0]!r}"
    if strong and stands_out and not offered:
        return (0.97 if whole else 0.9), f"{told} in the description, and a rare code shape", True
    if weak and whole and stands_out:
        return 0.88, f"{told} is the whole description, and a rare code shape", True
    if strong and whole:
        return 0.75, f"{told} is the whole description, though the code looks like the others", True
    if offered and (stands_out or len(words) <= 2):
        return 0.3, offered, False
    if stands_out:
        return (
            0.3,
            "a rare code shape, but "
            + ("the description reads like merchandise" if description else "there is no description to judge by"),
            False,
        )
    return None


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", fold(text)) if word]
