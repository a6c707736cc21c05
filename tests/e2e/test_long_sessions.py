"""A session through several compactions: what matters stays known, and the provider's cache breaks only where that pays.

The whole form is `python -m benchmarks.long_sessions`: 400 turns, six compactions, sixty probes.
"""

from __future__ import annotations

import pytest

from benchmarks.long_sessions import Result, measure, parser


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What the benchmark sets for its process goes with the test."""
    for name in ("HOME", "LCODE_HOME", "LCODE_WORKER", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    return monkeypatch


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize(("api", "summariser"), [("openai", "mediocre"), ("anthropic", "failing")])
def test_what_matters_is_known_after_compactions_and_the_prefix_holds(api: str, summariser: str) -> None:
    given = ["--turns", "46", "--window", "32000", "--resume", "33", "--seed", "2", "--summariser", summariser]
    result: Result = measure(api, parser().parse_args(given))
    assert not result.errors
    assert len(result.compactions) >= 2 and len(result.evictions) >= 2
    assert not result.unexplained, result.unexplained
    assert not result.unpaid
    assert result.closest >= 5 and result.freed >= 0.3
    assert result.reached == len(result.probes) >= 16
    assert result.seen >= 0.8 * len(result.probes), result.probes
    assert result.share >= 0.9  # a small window: each step is a larger part of it
