"""The shop behind the example team: its data, its reset, its transactions."""

import importlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLE = Path(__file__).parents[2] / "examples" / "support"


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """The example's `nodes.shop`, without leaving a package called `nodes` behind."""
    before = {name: found for name, found in sys.modules.items() if _of_project(name)}
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield importlib.import_module("nodes.shop")
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in [name for name in sys.modules if _of_project(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _of_project(name: str) -> bool:
    return name.split(".", 1)[0] == "nodes"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where this test's shop lives."""
    return tmp_path / "state" / "shop.db"


def _all(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute(query, values).fetchall()
    finally:
        db.close()


def _content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    tables = _all(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {str(name): _all(path, f"SELECT * FROM {name}") for (name,) in tables}


def test_it_ships_at_least_100_rows(module: ModuleType, path: Path) -> None:
    """Every table of the shop comes with rows, at least a hundred in all."""
    module.reset(path)
    content = _content(path)
    assert sum(len(rows) for rows in content.values()) >= 100
    assert all(content[table] for table in content)


def test_each_invoice_is_the_sum_of_its_order(module: ModuleType, path: Path) -> None:
    """What an invoice charges is what its order's lines cost."""
    module.reset(path)
    wrong = _all(
        path,
        "SELECT i.id FROM invoices i JOIN order_lines l USING (order_id)"
        " JOIN products p ON p.kind = l.product"
        " GROUP BY i.id HAVING sum(p.cents * l.quantity) <> i.cents",
    )
    assert wrong == []


def test_dates_follow_each_other(module: ModuleType, path: Path) -> None:
    """Orders come before invoices and parcels, invoices before payments, all of them in 2026."""
    module.reset(path)
    wrong = _all(
        path,
        "SELECT o.id FROM orders o JOIN invoices i ON i.order_id = o.id"
        " JOIN parcels p ON p.order_id = o.id LEFT JOIN payments y ON y.invoice_id = i.id"
        " WHERE o.placed NOT LIKE '2026-%' OR i.issued < o.placed OR i.due < i.issued"
        " OR p.sent < o.placed OR p.seen < p.sent OR y.paid < i.issued",
    )
    assert wrong == []


def test_some_invoices_were_charged_twice(module: ModuleType, path: Path) -> None:
    """The story's double charges are in the data; one of them was given back already."""
    shop = module.Shop(path)
    over = {n: shop.invoice(n).overpaid for n in ("INV-1012", "INV-1036", "INV-1042", "INV-1017")}
    assert over == {"INV-1012": 0, "INV-1036": 1900, "INV-1042": 8900, "INV-1017": 0}


def test_the_first_look_makes_the_database(module: ModuleType, path: Path) -> None:
    """A shop that was never reset is made from shop.sql when it is first used."""
    assert module.Shop(path).parcel("PX-2240").place == "Columbus"
    assert path.is_file()


def test_reset_takes_every_change_back(module: ModuleType, path: Path) -> None:
    """After a reset the shop holds exactly what it ships with, whatever was written before."""
    module.reset(path)
    shipped = _content(path)
    shop = module.Shop(path)
    shop.refund("INV-1042", 8900)
    shop.hold("PX-2244", 5)
    shop.open_repair("DV-7001", "wifi")
    assert _content(path) != shipped
    module.reset(path)
    assert _content(path) == shipped


def test_a_reset_that_fails_changes_nothing(module: ModuleType, path: Path) -> None:
    """A reset that cannot finish leaves the shop as it was."""
    shop = module.Shop(path)
    shop.refund("INV-1042", 8900)
    before = _content(path)
    broken = path.parent / "shop.sql"
    broken.write_text("CREATE TABLE customers (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        module.reset(path, script=broken)
    assert _content(path) == before


def test_reset_replaces_a_damaged_file(module: ModuleType, path: Path) -> None:
    """A file that is no database any more does not stand in the way."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database at all" * 100)
    module.reset(path)
    assert module.Shop(path).invoice("INV-1042").cents == 8900


def test_a_refund_is_written_once_with_its_day(module: ModuleType, path: Path) -> None:
    """A refund is one row, and what is left to refund is less by its amount."""
    shop = module.Shop(path, today=lambda: date(2026, 11, 21))
    after = shop.refund("INV-1042", 8900)
    assert after.refunded == (("2026-11-21", 8900),)
    assert (after.refundable, after.overpaid) == (8900, 0)


@given(amounts=st.lists(st.integers(min_value=1, max_value=20_000), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_refunds_never_exceed_what_was_paid(
    module: ModuleType, path: Path, amounts: list[int]
) -> None:
    """Whatever is asked for, in whatever order, no more goes back than came in."""
    module.reset(path)
    shop = module.Shop(path)
    for cents in amounts:
        before = shop.invoice("INV-1042").refundable
        if cents > before:
            with pytest.raises(module.RefusedError, match="At most"):
                shop.refund("INV-1042", cents)
        else:
            assert shop.refund("INV-1042", cents).refundable == before - cents


def test_two_refunds_at_once_do_not_both_pass(module: ModuleType, path: Path) -> None:
    """The check and the write are one transaction: of many full refunds exactly one happens."""
    module.reset(path)
    shop = module.Shop(path)

    def attempt(_: int) -> bool:
        try:
            shop.refund("INV-1017", 12900)
        except module.RefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


@pytest.mark.parametrize("number", ["PX-2223", "PX-2238", "PX-9999"])
def test_a_parcel_that_is_gone_is_not_changed(module: ModuleType, path: Path, number: str) -> None:
    """Delivered, lost and unknown parcels take no instruction, and nothing is written."""
    module.reset(path)
    before = _content(path)
    shop = module.Shop(path)
    with pytest.raises(module.RefusedError):
        shop.hold(number, 3)
    with pytest.raises(module.RefusedError):
        shop.change_address(number, "12 Main Street, Fresno, CA")
    assert _content(path) == before


def test_a_hold_counts_from_the_expected_day(module: ModuleType, path: Path) -> None:
    """Five days after 2026-11-25 is 2026-11-30, and the parcel says so."""
    shop = module.Shop(path)
    assert shop.hold("PX-2244", 5) == "2026-11-30"
    assert shop.parcel("PX-2244").hold_until == "2026-11-30"


def test_a_device_has_one_repair_at_a_time(module: ModuleType, path: Path) -> None:
    """A second repair of a device is refused, as is one of a device that was never sold."""
    shop = module.Shop(path)
    shop.open_repair("DV-7001", "wifi")
    for number in ("DV-7001", "DV-9999"):
        with pytest.raises(module.RefusedError):
            shop.open_repair(number, "wifi")


def test_the_command_resets_and_explains_itself(path: Path) -> None:
    """`python -m nodes.shop reset PATH` makes the shop; anything else is a usage error."""
    command = [sys.executable, "-m", "nodes.shop"]
    made = subprocess.run(
        [*command, "reset", str(path)], check=False, cwd=EXAMPLE, capture_output=True
    )
    assert made.returncode == 0
    assert _all(path, "SELECT count(*) FROM invoices") == [(36,)]
    wrong = subprocess.run(
        [*command, "drop"], check=False, cwd=EXAMPLE, capture_output=True, text=True
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Usage" in wrong.stderr
