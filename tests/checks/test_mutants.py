"""Every planted error is caught by the gradient checks: `pytest -m mutants`."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from mutants import MUTANTS, TABLE, WORKERS, plant

pytestmark = pytest.mark.mutants


def recorded() -> dict[str, str]:
    """What the table in MUTANTS.md says of each error: the rung that catches it."""
    rows = re.findall(r"^\| \d+ \| `(.+?)` \| (.+?) \| (.+?) \|$", TABLE.read_text(), re.MULTILINE)
    return {f"{file}: {what}": found for file, what, found in rows}


@pytest.fixture(scope="module")
def planted(request):
    """All errors that were chosen, planted at the same time as far as there are cores."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = [spec.params["mutant"] for spec in parameters if spec and "mutant" in spec.params]
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {mutant: pool.submit(plant, mutant) for mutant in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.what}")
def test_planted_error_is_caught(planted, mutant):
    """By some rung, and by the one that the documentation names."""
    assert planted[mutant].result() == recorded()[f"{mutant.file}: {mutant.what}"]


def test_table_lists_the_mutants():
    assert len(MUTANTS) >= 79
    assert list(recorded()) == [f"{mutant.file}: {mutant.what}" for mutant in MUTANTS]
