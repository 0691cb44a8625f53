"""Lists that a list of customers leads to: their accounts, and when they signed up. Alone, such a list is the customers'."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.settings.document import parse_settings
from sahara_assets_tests.commands import sahara

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

PEOPLE = "User ID,Account ID,Name,Age\n" + "".join(
    f"{100 + n},{n % 40 + 1},Ann {chr(65 + n % 26)}le,{20 + n % 50}\n" for n in range(120)
)
COMPANIES = "Account Number,Annual Revenue,Industry,Number of employees,Country\n" + "".join(
    f"{n + 1},{10_000 + 977 * n}.50,{('Retail', 'Banking')[n % 2]},{5 + n * n},{('US', 'DE', 'FR')[n % 3]}\n"
    for n in range(40)
)
JOINED = "User_ID,Signup Date\n" + "".join(f"{100 + n},2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}\n" for n in range(150))


def proposal_of(folder, **files):
    data = folder / "data"
    data.mkdir()
    for name, text in files.items():
        (data / f"{name}.csv").write_text(text)
    return propose([data], folder)


def mapped(proposal, name):
    return {match.column: match.header for match in proposal.dataset(name).columns if match.header is not None}


def settings_of(proposal):
    return parse_settings(tomllib.loads(render_config(proposal)), root=proposal.root)


def test_accounts_and_sign_ups_are_told_from_the_customers_that_lead_to_them(tmp_path):
    proposal = proposal_of(tmp_path, crm_users=PEOPLE, crm_accounts=COMPANIES, joined=JOINED)
    assert [dataset.name for dataset in proposal.datasets] == ["customers", "accounts", "sign_ups"]
    assert mapped(proposal, "customers") == {"customer_id": "User ID", "account_id": "Account ID"}
    assert mapped(proposal, "accounts") == {"account_id": "Account Number", "country": "Country"}
    assert mapped(proposal, "sign_ups") == {"customer_id": "User_ID", "signed_up_on": "Signup Date"}
    assert proposal.complete
    assert settings_of(proposal).features.model == ["age", "annual_revenue", "employees"]
    assert proposal.dataset("accounts").sure > 0.7


def test_what_is_proposed_runs_and_joins_them(tmp_path):
    proposal_of(tmp_path, crm_users=PEOPLE, crm_accounts=COMPANIES, joined=JOINED)
    assert sahara("init", "data", cwd=tmp_path).code == 0
    run = sahara("run", "--json", cwd=tmp_path)
    assert run.code == 0, run.err
    assert sum(row["customer_count"] for row in run.json["segments"]) == 120


@pytest.mark.parametrize("alone", [{"crm_accounts": COMPANIES}, {"joined": JOINED}])
def test_alone_they_are_the_customers(tmp_path, alone):
    assert [dataset.name for dataset in proposal_of(tmp_path, **alone).datasets] == ["customers"]


def test_customers_without_an_account_lead_to_none(tmp_path):
    people = PEOPLE.replace("Account ID", "Shoe Size")
    proposal = proposal_of(tmp_path, crm_users=people, crm_accounts=COMPANIES)
    assert "accounts" not in {dataset.name for dataset in proposal.datasets}


def test_sign_ups_of_customers_who_come_with_their_own_day_are_not_asked_for(tmp_path):
    people = "User ID,Name,Joined on\n" + "".join(f"{100 + n},Ann {n},2024-01-{n % 28 + 1:02d}\n" for n in range(120))
    proposal = proposal_of(tmp_path, crm_users=people, joined=JOINED)
    assert "sign_ups" not in {dataset.name for dataset in proposal.datasets}


def test_order_lines_that_name_an_account_keep_it_as_their_customer(tmp_path):
    orders = "Order No,Account Number,SKU,Quantity,Unit Price,Order Date\n" + "".join(
        f"{n // 3},{n % 40 + 1},S{n % 9},{n % 4 + 1},{n % 7 + 0.95},2025-03-{n % 28 + 1:02d}\n" for n in range(400)
    )
    proposal = proposal_of(tmp_path, orders=orders, crm_accounts=COMPANIES)
    assert mapped(proposal, "purchases")["customer_id"] == "Account Number"
    assert mapped(proposal, "customers")["customer_id"] == "Account Number"


@pytest.mark.real_data
def test_the_crm_of_the_sahara_example_needs_no_hand(tmp_path):
    folder = SHARED / "sahara_crm"
    if not folder.is_dir():
        pytest.skip("../shared/data/sahara_crm is not there")
    proposal = propose([folder], tmp_path)
    assert proposal.complete
    settings = settings_of(proposal)
    patterns = {name: reading.patterns for name, reading in settings.datasets.items() if reading is not None}
    assert patterns == {
        "customers": ["crm_user.csv"],
        "accounts": ["crm_account.csv"],
        "sign_ups": ["users_signup_dates.csv"],
        "sessions": ["ga*.csv"],
    }
    assert settings.datasets["accounts"].currency_text
    assert {"loyalty_programme", "lifetime_value", "age"} <= {*settings.datasets["customers"].attributes}
    assert {"annual_revenue", "sales_cycle_days"} <= {*settings.datasets["accounts"].attributes}
    assert settings.project.currency == "USD"
