"""Every planted error is caught by the gradient checks: `pytest -m mutants`."""

import re

import pytest
from mutants import MUTANTS, TABLE, plant

pytestmark = pytest.mark.mutants


def recorded() -> dict[str, str]:
    """What the table in MUTANTS.md says of each error: the rung that catches it."""
    rows = re.findall(r"^\| \d+ \| `(.+?)` \| (.+?) \| (.+?) \|$", TABLE.read_text(), re.MULTILINE)
    return {f"{file}: {what}": found for file, what, found in rows}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.what}")
def test_planted_error_is_caught(mutant):
    """By some rung, and by the one that the documentation names."""
    assert plant(mutant) == recorded()[f"{mutant.file}: {mutant.what}"]


def test_table_lists_the_mutants():
    assert len(MUTANTS) >= 79
    assert list(recorded()) == [f"{mutant.file}: {mutant.what}" for mutant in MUTANTS]
