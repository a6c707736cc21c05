"""The order of places: the best as they are, then other files, the best files first."""

from __future__ import annotations

from lcode.index.places import _falling, _spread
from lcode.index.ranking import BEST_PLACES, OTHER_FILES
from lcode.index.signals import Place


def test_after_the_best_come_other_files_a_place_each_the_best_files_first() -> None:
    ranked = [(Place(1, chunk), 100.0 - chunk) for chunk in range(20)]
    ranked += [(Place(file, 100 * file + chunk), 50.0 - file) for file in range(2, 6) for chunk in range(2)]
    found = _spread(ranked, {1: 9.0, 2: 1.0, 3: 2.0, 4: 30.0, 5: 4.0})
    places = [place for place, _ in found]
    assert places[:BEST_PLACES] == [place for place, _ in ranked[:BEST_PLACES]]
    assert [place.file for place in places[BEST_PLACES : BEST_PLACES + 4]] == [4, 5, 3, 2]
    assert sorted(places) == sorted(place for place, _ in ranked)


def test_so_many_other_files_come_before_the_rest() -> None:
    ranked = [(Place(1, chunk), 100.0 - chunk) for chunk in range(20)]
    ranked += [(Place(file, 100 + file), 9.0 / file) for file in range(2, 60)]
    found = _spread(ranked, {})
    assert len({place.file for place, _ in found[: BEST_PLACES + OTHER_FILES]}) == OTHER_FILES + 1
    assert found[BEST_PLACES + OTHER_FILES][0].file == 1


def test_scores_never_rise() -> None:
    found = _falling([(Place(1, 1), 3.0), (Place(2, 2), 1.0), (Place(1, 3), 2.0)])
    assert [score for _, score in found] == [3.0, 1.0, 1.0]
