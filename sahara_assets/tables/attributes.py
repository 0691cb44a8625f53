"""What shops know of a customer besides purchases: the attributes that have a name of their own, declared once.

An attribute that is declared under its well-known name needs nothing but its column in the file; kind, unit and words come from here.
Any other is declared in full in the settings (`settings/attributes.py`). How attributes are read is `drops/attributes.py`; which
features they become is `features/declared.py`; how `sahara init` recognises their columns, `onboarding/attributes.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum


class AttributeKind(StrEnum):
    """What an attribute holds, and so which texts it is read from."""

    NUMBER = "number"
    CATEGORY = "category"
    FLAG = "flag"
    DATE = "date"


@dataclass(frozen=True)
class Attribute:
    """One thing that is known of a customer (or of its account).

    Attributes:
        label: the words a marketer reads, without the unit.
        unit: what a number counts (`money`, `years`, `people`, `orders`, …); amounts of money may bear a currency sign in the file.
        high, low: what a segment that stands out upwards or downwards is called.
        synonyms: header names that mean it, letters and digits only, in lower case.
        constant: whether it cannot change, as a birth date: then a file says what was true at every moment, not only since it was written.
    """

    name: str
    kind: AttributeKind
    label: str
    description: str
    unit: str = ""
    high: str = ""
    low: str = ""
    synonyms: tuple[str, ...] = ()
    constant: bool = False


def _number(
    name: str,
    unit: str,
    label: str,
    description: str,
    synonyms: str,
    *,
    high: str = "",
    low: str = "",
    constant: bool = False,
) -> Attribute:
    return Attribute(name, AttributeKind.NUMBER, label, description, unit, high, low, tuple(synonyms.split()), constant)


def _category(name: str, label: str, description: str, synonyms: str, *, constant: bool = False) -> Attribute:
    words = tuple(synonyms.split())
    return Attribute(name, AttributeKind.CATEGORY, label, description, synonyms=words, constant=constant)


def _flag(name: str, label: str, description: str, synonyms: str, *, high: str, low: str) -> Attribute:
    return Attribute(name, AttributeKind.FLAG, label, description, "", high, low, tuple(synonyms.split()))


def _date(name: str, label: str, description: str, synonyms: str, *, constant: bool = False) -> Attribute:
    words = tuple(synonyms.split())
    return Attribute(name, AttributeKind.DATE, label, description, synonyms=words, constant=constant)


WELL_KNOWN: tuple[Attribute, ...] = (
    # --- who they are ---
    _number(
        "birth_year", "year", "year of birth", "The year of birth; becomes `age_years` at the cut-off.",
        "birthyear yearbirth yearofbirth geburtsjahr anneedenaissance annodinascita anodenacimiento geboortejaar", constant=True,
    ),
    _date(
        "birth_date", "date of birth", "The day of birth; becomes `age_years` at the cut-off.",
        "birthdate dateofbirth dob birthday geburtsdatum datedenaissance fechadenacimiento datadinascita geboortedatum", constant=True,
    ),
    _number("age", "years", "age", "Age in years when the file was written.", "age alter customerage edad eta leeftijd", high="older", low="younger"),
    _category("gender", "gender", "Gender, in the file's own words.", "gender sex geschlecht sexe sexo genero sesso geslacht", constant=True),
    _category("education", "education", "Level of education, in the file's own words.", "education educationlevel bildung schooling degree"),
    _category("marital_status", "marital status", "Marital status, in the file's own words.", "maritalstatus marital familienstand civilstatus etatcivil estadocivil"),
    _number("children", "people", "children at home", "Children in the household.", "children kidhome kids childrenathome numberofchildren kinder", high="many children", low="few children"),
    _number("teenagers", "people", "teenagers at home", "Teenagers in the household.", "teenagers teenhome teens", high="many teenagers", low="few teenagers"),
    _category("region", "region", "State, province or county.", "region statecode state province county bundesland"),
    _category("city", "city", "Town or city.", "city town ort stadt ville ciudad citta plaats"),
    # --- what they earn and are worth ---
    _number(
        "household_income", "money", "household income", "Yearly household income.",
        "householdincome income hhi annualincome yearlyincome einkommen revenu ingresos reddito inkomen", high="high income", low="low income",
    ),
    _number(
        "lifetime_value", "money", "lifetime value", "What the customer is worth over the whole relation, as the shop reckons it.",
        "lifetimevalue ltv clv customerlifetimevalue", high="high lifetime value", low="low lifetime value",
    ),
    _category("loyalty_programme", "loyalty programme", "Tier of, or membership in, a loyalty programme.", "loyaltyprogramme loyaltyprogram loyaltytier membership membershiptier"),
    # --- business customers ---
    _number("annual_revenue", "money", "annual revenue", "The account's yearly revenue.", "annualrevenue yearlyrevenue companyrevenue jahresumsatz", high="high revenue", low="low revenue"),
    _number("employees", "people", "employees", "People who work for the account.", "employees numberofemployees employeecount headcount mitarbeiter", high="large companies", low="small companies"),
    _category("industry", "industry", "The account's line of business.", "industry sector branche"),
    _category("account_type", "account type", "Kind of account, in the file's own words.", "accounttype type customertype"),
    _category("account_source", "account source", "Where the account came from.", "accountsource leadsource"),
    _category("channel_programme", "channel programme", "Partner or channel programme of the account.", "channelprogramname channelprogramme partnerprogram"),
    _category("ownership", "ownership", "Form of ownership of the account.", "ownership ownershiptype"),
    _category("rating", "rating", "The sales team's rating of the account.", "rating accountrating"),
    _number("opportunity_amount", "money", "value of opportunities", "Value of all sales opportunities.", "totalopportunityamount opportunityamount", high="big opportunities", low="small opportunities"),
    _number("opportunities_won", "opportunities", "opportunities won", "Sales opportunities that were won.", "numopportunitieswon opportunitieswon", high="many deals won", low="few deals won"),
    _number("opportunities_lost", "opportunities", "opportunities lost", "Sales opportunities that were lost.", "numopportunitieslost opportunitieslost", high="many deals lost", low="few deals lost"),
    _number("renewals", "renewals", "renewals", "Contracts that were renewed.", "numberofrenewals renewals", high="many renewals", low="few renewals"),
    _number("sales_cycle_days", "days", "length of the sales cycle", "Average days from first contact to sale.", "averagesalescycle salescycle", high="slow to close", low="quick to close"),
    _date("first_sale_on", "first sale", "Day of the first sale, by the CRM.", "firstsaledate firstsale"),
    _date("last_sale_on", "last sale", "Day of the latest sale, by the CRM.", "lastsaledate lastsale"),
    # --- what they do, where only a summary of it is at hand ---
    _number("days_since_purchase", "days", "days since last purchase", "Days since the last purchase when the file was written.", "recency dayssincepurchase dayssincelastpurchase", high="long away", low="recently active"),
    _number("web_visits", "visits", "visits to the web shop", "Visits to the web shop in the file's period (a month, a year).", "numwebvisitsmonth webvisits websitevisits", high="many visits", low="few visits"),
    _flag("responded", "answered the last campaign", "Whether the customer accepted the offer of the latest campaign.", "response responded campaignresponse", high="respond to offers", low="ignore offers"),
    _flag("complaint", "complained", "Whether the customer complained in the file's period.", "complain complaint complained", high="complained", low="never complained"),
)  # fmt: skip
"""Attributes by themselves; `FAMILIES` are the open-ended ones."""

_SPEND = Attribute(
    "spend_on_",
    AttributeKind.NUMBER,
    "spend on {}",
    "Spend on {} in the file's period.",
    "money",
    "much {}",
    "little {}",
)
_PURCHASES = Attribute(
    "_purchases",
    AttributeKind.NUMBER,
    "{} purchases",
    "Purchases by way of {} in the file's period.",
    "orders",
    "many {} purchases",
    "few {} purchases",
)
_CAMPAIGN = Attribute(
    "accepted_campaign_",
    AttributeKind.FLAG,
    "accepted campaign {}",
    "Whether the customer accepted the offer of campaign {}.",
    "",
    "accept campaign {}",
    "ignore campaign {}",
)
FAMILIES: tuple[tuple[str, Attribute], ...] = (
    (r"spend_on_([a-z0-9_]+)", _SPEND),
    (r"([a-z0-9_]+)_purchases", _PURCHASES),
    (r"accepted_campaign_([a-z0-9_]+)", _CAMPAIGN),
)
"""Names with a part that is the shop's own: a product group, a channel, a campaign."""

BY_NAME: dict[str, Attribute] = {attribute.name: attribute for attribute in WELL_KNOWN}

FAMILY_NAMES = ("spend_on_WHAT", "CHANNEL_purchases", "accepted_campaign_WHICH")
"""The families as a person reads them."""


def well_known(name: str) -> Attribute | None:
    """The attribute of that name where it is one that everybody knows, else None.

    >>> well_known("household_income").unit, well_known("spend_on_wine").label, well_known("shoe_size")
    ('money', 'spend on wine', None)
    """
    if name in BY_NAME:
        return BY_NAME[name]
    for pattern, family in FAMILIES:
        found = re.fullmatch(pattern, name)
        if found:
            words = found[1].replace("_", " ")
            said = {part: getattr(family, part).format(words) for part in ("label", "description", "high", "low")}
            return replace(family, name=name, **said)
    return None
