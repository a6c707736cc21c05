"""The order of places: the best as they are, then other files."""

from __future__ import annotations

from lcode.index.places import _spread
from lcode.index.ranking import BEST_PLACES, OTHER_FILES
from lcode.index.signals import Place


def test_after_the_best_come_other_files_a_place_each() -> None:
    ranked = [(Place(1, chunk), 100.0 - chunk) for chunk in range(20)]
    ranked += [(Place(file, 100 * file + chunk), 50.0 - file) for file in range(2, 6) for chunk in range(2)]
    places = [place for place, _ in _spread(ranked)]
    assert places[:BEST_PLACES] == [place for place, _ in ranked[:BEST_PLACES]]
    assert [place.file for place in places[BEST_PLACES : BEST_PLACES + 4]] == [2, 3, 4, 5]
    assert sorted(places) == sorted(place for place, _ in ranked)


def test_scores_fall_all_the_way() -> None:
    ranked = [(Place(1, chunk), 100.0 - chunk) for chunk in range(20)] + [
        (Place(file, 100 + file), 9.0 / file) for file in range(2, 60)
    ]
    found = _spread(ranked)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert len({place.file for place, _ in found[: BEST_PLACES + OTHER_FILES]}) == OTHER_FILES + 1
