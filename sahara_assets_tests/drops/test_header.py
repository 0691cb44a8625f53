from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.drops.header import Layout, read_header
from sahara_assets.errors import DropError
from sahara_assets.tables.datasets import DATASETS
from sahara_assets_tests.drops.drop_desk import settings_of

NAMES = ("order_id", "customer_id", "product_id", "quantity", "unit_price", "ordered_at")
LINE = ",".join(NAMES)
MAPPED = {"order_id": "InvoiceNo", "product_id": "StockCode", "ordered_at": "InvoiceDate"}


def _read(text: str | bytes, dataset: str = "purchases", **reading) -> tuple[Layout, int]:
    data = text.encode() if isinstance(text, str) else text
    return read_header(data, DATASETS[dataset], settings_of(dataset, **reading).datasets[dataset], "x.csv")


def _refusal(text: str | bytes, **reading) -> str:
    with pytest.raises(DropError) as refused:
        _read(text, **reading)
    return str(refused.value)


@given(st.permutations(NAMES), st.sampled_from(",;\t|"), st.booleans())
def test_columns_are_bound_by_name_wherever_they_stand_and_whatever_parts_them(order, delimiter, quoted):
    names = [f'"{name}"' if quoted else name for name in order]
    line = delimiter.join(names)
    layout, end = _read(f"{line}\nA1{delimiter}x\n")
    assert layout.delimiter == delimiter
    assert {name: layout.names[place] for name, place in layout.positions} == {name: name for name in NAMES}
    assert layout.undeclared == ()
    assert (layout.first_line, end, layout.text) == (2, len(line) + 1, line)


@pytest.mark.parametrize(
    "written",
    [
        "Invoice Date",
        " INVOICE-DATE ",
        '"invoice\n date"',
        "\ufeffInvoice  Date",
        "\xa0invoice_date\t",
        '"Invoice Date"',
    ],
)
def test_names_match_as_people_read_them(written):
    layout, _ = _read(f"{written},{','.join(NAMES[:-1])}\n", columns={"ordered_at": "Invoice date"})
    assert dict(layout.positions)["ordered_at"] == 0


def test_an_exact_name_goes_before_one_that_only_reads_alike():
    layout, _ = _read(f"CUSTOMER ID,{LINE}\n")
    assert dict(layout.positions)["customer_id"] == 2
    assert layout.undeclared == (("CUSTOMER ID", 0),)


def test_a_mapped_name_belongs_to_the_column_it_is_mapped_to_and_to_no_other():
    layout, _ = _read(f"{LINE},Category,Country\n", columns={"description": "Category"})
    assert dict(layout.positions)["description"] == 6
    assert "category" in layout.absent
    assert dict(layout.positions)["country"] == 7


def test_a_column_mapped_to_nothing_is_not_looked_for():
    layout, _ = _read(f"{LINE},Category\n", columns={"category": ""})
    assert "category" in layout.absent
    assert layout.undeclared == (("Category", 6),)


@pytest.mark.parametrize(("blank", "first"), [("", 2), ("\n", 3), (" \n\n\t\n", 5), ("\r\n" * 30, 32)])
def test_blank_lines_before_the_header_are_skipped_and_counted(blank, first):
    layout, end = _read(f"{blank}{LINE}\nA1\n")
    assert layout.first_line == first
    assert end == len(blank) + len(LINE) + 1


def test_a_header_may_run_over_lines_inside_quotes():
    layout, end = _read(f'{LINE},"List\nprice\n(GBP)",x\nA1\n')
    assert layout.undeclared == (("List price (GBP)", 6), ("x", 7))
    assert layout.first_line == 4
    assert end == len(f'{LINE},"List\nprice\n(GBP)",x\n')


def test_a_quote_that_does_not_close_in_the_header_ends_at_its_line_and_swallows_no_row():
    data = f'{LINE},"note\nA1,C1,P1,1,2.50,2011-12-01,x\nA2,C1,P1,1,2.50,2011-12-01,",z"\n'
    layout, end = _read(data)
    assert layout.names[6] == '"note'
    assert (layout.first_line, end) == (2, len(LINE) + 7)


def test_a_header_without_a_line_end_is_one():
    layout, end = _read(LINE)
    assert (layout.first_line, end) == (2, len(LINE))


def test_undeclared_names_are_kept_apart_so_that_none_loses_its_value():
    layout, _ = _read(f"{LINE},note,Note,note,note (2),note,\n")
    assert [name for name, _ in layout.undeclared] == ["note", "Note", "note (3)", "note (2)", "note (4)", "column_12"]
    assert [place for _, place in layout.undeclared] == list(range(6, 12))


def test_a_trailing_delimiter_makes_a_nameless_column_and_no_error():
    layout, _ = _read(f"{LINE},\n")
    assert layout.undeclared == (("column_7", 6),)


def test_a_mapped_name_that_stands_twice_is_refused_with_both_places():
    refusal = _refusal(f"{LINE},Order ID\n", columns={"order_id": "ORDER-ID"})
    assert refusal == "x.csv: the header names 'ORDER-ID' twice (columns 1 and 7); which one is order_id?"


def test_the_same_name_twice_is_no_matter_where_no_column_of_ours_wants_it():
    assert _read(f"{LINE},a,a\n")[0].undeclared == (("a", 6), ("a (2)", 7))


def test_a_missing_required_column_is_refused_with_what_may_be_meant():
    refusal = _refusal(f"InvoiceNr,{','.join(NAMES[1:])}\n", columns={"order_id": "InvoiceNo"})
    assert refusal.startswith(
        "x.csv: the header lacks 'InvoiceNo' (our order_id), perhaps 'InvoiceNr'. It holds: InvoiceNr, customer_id,"
    )
    assert "customer_id" in _refusal(LINE.replace("customer_id,", "") + "\n")


@pytest.mark.parametrize("empty", ["", "\n", " \n\t\n", "\r\n\r\n"])
def test_an_empty_file_has_no_header(empty):
    assert _refusal(empty) == "x.csv: the file has no header line; the first line must name the columns"


def test_the_delimiter_is_the_one_under_which_our_columns_are_found():
    line = ";".join(NAMES) + ";a,b,c,d,e,f,g,h"
    assert _read(line + "\n")[0].delimiter == ";"
    assert "lacks" in _refusal(line + "\n", delimiter=",")


def test_a_quote_that_is_a_usual_delimiter_is_not_taken_for_one():
    assert _read(LINE.replace("order_id", "|order_id|") + "\n", quote="|")[0].names[0] == "order_id"


def test_with_quoting_turned_off_a_quote_is_part_of_the_name():
    assert _read(f'{LINE},"x\n', quote="")[0].names[6] == '"x'


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (LINE.encode("utf-16-le"), "NUL bytes"),
        (LINE.encode() + b"\rA1,C1,P1,1,2.50,2011-12-01\n", "carriage returns"),
        (LINE.encode() + b",a\0b\n", "NUL bytes"),
    ],
)
def test_a_header_that_is_no_single_line_of_text_is_refused(data, what):
    assert f"the header line holds {what}" in _refusal(data)


def test_a_refusal_shows_rubbish_in_a_form_that_can_be_read():
    refusal = _refusal(bytes(range(128, 256)) + b"\x07,\x1b[31m\n")
    assert all(c.isprintable() for c in refusal)


def test_two_thousand_columns_are_bound():
    extra = ",".join(f"c{i}" for i in range(2000))
    layout, _ = _read(f"{extra},{LINE}\n")
    assert len(layout.undeclared) == 2000
    assert dict(layout.positions)["order_id"] == 2000


# --- where the header stands -----------------------------------------------------------------------------------------------------


def test_the_line_that_names_every_needed_column_is_the_header_wherever_it_stands():
    layout, end = _read(f"Orders\nof March, 2025\n\n{LINE}\n1,2\n".encode())
    assert layout.names == NAMES
    assert layout.first_line == 5
    assert [(line.line, line.text) for line in layout.before] == [(1, "Orders"), (2, "of March, 2025")]
    assert end == len(f"Orders\nof March, 2025\n\n{LINE}\n")


def test_a_number_of_lines_to_skip_is_kept_to():
    with pytest.raises(DropError, match="the header lacks"):
        _read(f"Orders\n{LINE}\n".encode(), skip_lines=0)
    layout, _ = _read(f"{LINE}\n{LINE.upper()}\n".encode(), skip_lines=1)
    assert layout.text == LINE.upper()


def test_names_over_several_lines_are_joined():
    two = "order,customer,product,,,\nid,id,id,quantity,unit price,ordered at\n"
    layout, _ = _read(two.encode(), header_lines=2)
    assert layout.names == ("order id", "customer id", "product id", "quantity", "unit price", "ordered at")
    assert not set(NAMES) & set(layout.absent)


def test_a_file_without_a_header_is_bound_by_the_names_that_settings_give():
    how = {"header_lines": 0, "column_names": list(NAMES)}
    layout, end = _read(b"A1;c;P;1;2.50;2025-03-01\n", **how)
    assert (layout.delimiter, layout.names, layout.first_line, end) == (";", NAMES, 1, 0)
    with pytest.raises(DropError, match="6 fields that column_names"):
        _read(b"A1;c;P;1;2.50\n", **how)


def test_remarks_before_the_header_are_kept():
    layout, _ = _read(f"# a\n{LINE}\n".encode(), comment="#")
    assert [(line.kind, line.text) for line in layout.before] == [("remark", "# a")]
