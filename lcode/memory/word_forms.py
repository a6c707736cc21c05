"""Forms of English words that no stemmer brings together: irregular verbs and plurals, American and British spellings."""

from __future__ import annotations

from functools import cache

_FORMS = """
be been was were being|become became|begin began begun|bend bent|bind bound|bite bit bitten|blow blew blown|break broke broken
bring brought|build built|burn burnt|buy bought|catch caught|choose chose chosen|come came|deal dealt|dig dug
do did done|draw drew drawn|dream dreamt|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed
feel felt|fight fought|find found|fly flew flown|forbid forbade forbidden|forget forgot forgotten|freeze froze frozen
get got gotten|give gave given|go went gone|grow grew grown|hang hung|have had|hear heard|hide hid hidden|hold held
keep kept|know knew known|lay laid|lead led|learn learnt|leave left|lend lent|lose lost|make made|mean meant|meet met
pay paid|ride rode ridden|ring rang rung|rise rose risen|run ran|say said|see saw seen|seek sought|sell sold|send sent
shake shook shaken|shoot shot|show shown|shrink shrank shrunk|sing sang sung|sink sank sunk|sit sat|sleep slept|slide slid
speak spoke spoken|speed sped|spell spelt|spend spent|spin spun|stand stood|steal stole stolen|stick stuck|strike struck
swear swore sworn|sweep swept|swim swam swum|swing swung|take took taken|teach taught|tear tore torn|tell told
think thought|throw threw thrown|understand understood|undo undid undone|wake woke woken|wear wore worn|weep wept|win won
wind wound|withdraw withdrew withdrawn|write wrote written|rewrite rewrote rewritten|overwrite overwrote overwritten
child children kid kids|person people|man men|woman women|life lives|wife wives|foot feet|tooth teeth|mouse mice
index indices indexes|matrix matrices|vertex vertices|criterion criteria|schema schemata|datum data
mom mother mum|dad father|favorite favourite|color colour|behavior behaviour|center centre|gray grey|license licence
catalog catalogue|cancel cancelled canceled|analyze analyse|optimize optimise|initialize initialise|serialize serialise
organize organise|normalize normalise|authorize authorise|customize customise|recognize recognise|synchronize synchronise
photo photograph picture|film movie|television tv|db database|config configuration|auth authentication|repo repository
env environment|dir directory|dep dependency|deps dependencies|doc documentation|docs documentation|param parameter
arg argument|spec specification|app application|admin administrator|async asynchronous|sync synchronous|perf performance
prod production|k8s kubernetes|postgres postgresql|js javascript|ts typescript|py python|ci pipeline|pr pull
"""


@cache
def _groups() -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for entry in _FORMS.replace("\n", "|").split("|"):
        words = tuple(entry.split())
        for word in words:
            groups[word] = tuple(dict.fromkeys((*groups.get(word, ()), *words)))
    return groups


def forms(word: str) -> tuple[str, ...]:
    """The word, which is in lower case, and its other forms; regular inflection is left to the stemmer."""
    return tuple(dict.fromkeys((word, *_groups().get(word, ()))))
