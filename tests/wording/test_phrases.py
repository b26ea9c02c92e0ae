# ruff: noqa: RUF001 - Russian looks like Latin here and there
from datetime import UTC, date, datetime

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.wording import LANGUAGES, Language, Wording
from tidewaiter.wording.phrases import (
    actor_phrase,
    history_phrase,
    reach_phrase,
    reason_phrase,
    surprise_phrase,
    what_sentences,
    when_phrase,
)

EN, RU = Wording("en"), Wording("ru")

ACTORS = {
    ("user", "alice", None): ("user alice", "пользователь alice"),
    ("user", "alice", "kube-system/console"): (
        "user alice (acting through kube-system/console)",
        "пользователь alice (через kube-system/console)",
    ),
    ("service-account", "shop/web", None): ("service account shop/web", "сервисный аккаунт shop/web"),
    ("node", "worker-1", None): ("node worker-1", "узел worker-1"),
    ("component", "kube-scheduler", None): (
        "control plane component kube-scheduler",
        "компонент управляющего слоя kube-scheduler",
    ),
    ("anonymous", "192.0.2.7", None): (
        "someone without an accepted credential at 192.0.2.7",
        "аноним с адреса 192.0.2.7",
    ),
    ("anonymous", "", None): ("someone without an accepted credential", "аноним"),
    ("host-user", "deploy", None): ("host account deploy", "учётная запись хоста deploy"),
    ("container", "3f2a", None): ("container 3f2a", "контейнер 3f2a"),
    ("address", "192.0.2.7", None): ("client at 192.0.2.7", "клиент с адреса 192.0.2.7"),
    ("unknown", "", None): ("an unidentified client", "неизвестный клиент"),
    ("user", "a\x1b]0;b\x07", None): (r"user a\x1b]0;b\x07", r"пользователь a\x1b]0;b\x07"),
}


@pytest.mark.parametrize(("key", "phrases"), ACTORS.items())
def test_actors(key: tuple[str, str, str | None], phrases: tuple[str, str]) -> None:
    actor = factories.actor(kind=key[0], name=key[1], via=key[2])
    assert (actor_phrase(EN, actor), actor_phrase(RU, actor)) == phrases


SURPRISES = {
    "a new kind": (
        {},
        (
            "In 41 days of history it never read this kind: nodes. Usual: pods, services. "
            "None of the 23 accounts of its sort does this."
        ),
        (
            "Новый вид ресурсов, впервые за 41 день наблюдений: nodes. Обычно: pods, services. "
            "У подобных учётных записей (23) такого не бывает."
        ),
    ),
    "a new weekday": (
        {"measure": "new-weekday", "observed": "5", "usual": "0, 1", "peers": "1 of 5"},
        (
            "In 41 days of history it never looked around on this weekday: Saturday. Usual: Monday, Tuesday. "
            "This is ordinary for 1 of 5 accounts of its sort."
        ),
        (
            "В этот день недели впервые за 41 день наблюдений: суббота. Обычно: понедельник, вторник. "
            "Это обычно для 1 из 5 подобных учётных записей."
        ),
    ),
    "a new kind among the like": (
        {"group": "groups:dev, ops"},
        (
            "In 41 days of history it never read this kind: nodes. Usual: pods, services. "
            "None of the 23 accounts of its sort does this. They are the people in the same groups: dev, ops."
        ),
        (
            "Новый вид ресурсов, впервые за 41 день наблюдений: nodes. Обычно: pods, services. "
            "У подобных учётных записей (23) такого не бывает. Это люди из тех же групп: dev, ops."
        ),
    ),
    "many new kinds, some peers": (
        {"observed": "a, b +3", "usual": "", "peers": "2 of 5", "bits": 12.0},
        (
            "In 41 days of history it never read these 5 kinds: a, b and 3 more. "
            "This is ordinary for 2 of 5 accounts of its sort."
        ),
        (
            "Новые виды ресурсов (5), впервые за 41 день наблюдений: a, b и ещё 3. "
            "Это обычно для 2 из 5 подобных учётных записей."
        ),
    ),
    "wider": (
        {"measure": "new-scope", "observed": "everything", "usual": "namespace, one", "peers": "0 of 0"},
        (
            "In 41 days of history it never read this widely: everything at once. "
            "Usual: one namespace at a time, single objects."
        ),
        (
            "Такого широкого чтения за 41 день наблюдений ещё не было: всё сразу. "
            "Обычно: по одному пространству имён, отдельные объекты."
        ),
    ),
    "an hour": (
        {"measure": "new-hour", "observed": "0, 20", "usual": "8", "peers": "", "history_days": 5, "bits": 1.5},
        (
            "In 5 days of history it never looked around at these times: 00:00-04:00, 20:00-00:00 UTC. "
            "Usual: 08:00-12:00."
        ),
        "В это время впервые за 5 дней наблюдений: 00:00-04:00, 20:00-00:00 UTC. Обычно: 08:00-12:00.",
    ),
    "somebody new": (
        {
            "measure": "new-actor",
            "observed": "shop/web",
            "usual": "",
            "peers": "3 of 20",
            "history_days": 0,
            "bits": 2.5,
        },
        "Nobody knows it: it did nothing here before. Somebody new came on 3 of 20 earlier days.",
        "Раньше здесь не появлялся. Кто-нибудь новый появлялся в 3 из 20 прежних дней.",
    ),
    "the first of all": (
        {
            "measure": "new-actor",
            "observed": "shop/web",
            "usual": "",
            "peers": "0 of 0",
            "history_days": 0,
            "bits": 1.0,
        },
        "Nobody knows it, but this log has no earlier day to compare with.",
        "Раньше здесь не появлялся, но и прежних дней для сравнения в журналах нет.",
    ),
    "back again": (
        {"measure": "returned", "observed": "shop/web", "usual": "61", "peers": "3 of 20", "bits": 2.5},
        "It did nothing for 61 days, so its past says little.",
        "Молчание длилось 61 день, так что прошлое мало о чём говорит.",
    ),
    "breadth": (
        {"measure": "breadth", "observed": "12 in 10min", "usual": "3 in 10min", "peers": "4.5 in 10min", "bits": 6.0},
        (
            "It read 12 kinds within 10 minutes; the most it ever did in 41 days of history is 3. "
            "Three quarters of the accounts of its sort stay below 4.5 kinds."
        ),
        (
            "За 10 минут прочитано 12 видов ресурсов; самое большее за 41 день наблюдений: 3. "
            "Порог для трёх четвертей подобных учётных записей: 4,5 вида."
        ),
    ),
    "breadth without a past": (
        {"measure": "breadth", "observed": "12 in 1h", "usual": "", "peers": "", "history_days": 0, "bits": 1.0},
        "It read 12 kinds within an hour, and has no earlier day to compare with.",
        "За час прочитано 12 видов ресурсов, а прежних дней для сравнения нет.",
    ),
    "refusals": (
        {"measure": "refusals", "observed": "nodes, secrets", "usual": "", "peers": "0 of 1", "bits": 3.2},
        (
            "It was refused 2 kinds it was never refused before: nodes, secrets. "
            "The only other account of its sort does not do this."
        ),
        (
            "Отказано в чтении видов (2), в которых раньше не отказывали: nodes, secrets. "
            "У подобных учётных записей (1) такого не бывает."
        ),
    ),
    "reviews": (
        {"measure": "reviews", "observed": "420", "usual": "3", "peers": "", "bits": 7.0},
        "It asked 420 times what it may do; usual: 3.",
        "Проверок своих прав: 420; обычно: 3.",
    ),
    "a measure nobody named": (
        {"measure": "moon-phase", "observed": "full", "usual": "new", "peers": "", "bits": 0.5},
        "moon-phase: full; usual: new.",
        "moon-phase: full; обычно: new.",
    ),
}


@pytest.mark.parametrize(("over", "english", "russian"), SURPRISES.values(), ids=SURPRISES)
def test_surprises(over: dict[str, object], english: str, russian: str) -> None:
    surprise = factories.surprise(**over)
    assert surprise_phrase(EN, surprise) == english
    assert surprise_phrase(RU, surprise) == russian


MEASURES = [
    "new-actor",
    "returned",
    "new-kind",
    "new-scope",
    "new-namespace",
    "new-tool",
    "new-network",
    "new-hour",
    "breadth",
    "refusals",
    "reviews",
    "anything",
]


@given(
    st.sampled_from(MEASURES),
    st.text(st.characters(exclude_categories=())),
    st.text(st.characters(exclude_categories=())),
    st.one_of(st.text(), st.from_regex(r"\d+ of \d+", fullmatch=True), st.from_regex(r"[\d.]+ in \w+", fullmatch=True)),
    st.integers(0, 10**6),
    st.sampled_from(LANGUAGES),
)
def test_a_surprise_is_one_printable_line_whatever_it_holds(
    measure: str, observed: str, usual: str, peers: str, days: int, language: Language
) -> None:
    surprise = factories.surprise(measure=measure, observed=observed, usual=usual, peers=peers, history_days=days)
    assert surprise_phrase(Wording(language), surprise).isprintable()


def test_a_long_list_is_cut_between_values() -> None:
    names = ", ".join(f"custom-kind-number-{n}" for n in range(12))
    phrase = surprise_phrase(EN, factories.surprise(observed=names + " +4", usual="", peers=""))
    kinds = ", ".join(f"custom-kind-number-{n}" for n in range(6))
    assert phrase == f"In 41 days of history it never read these 16 kinds: {kinds} and 10 more."


@pytest.mark.parametrize(
    ("over", "english", "russian"),
    [
        ({}, "everything at once", "всё сразу"),
        ({"scope": "one"}, "single objects", "отдельные объекты"),
        (
            {"scope": "namespace", "namespaces": ("shop", "bank")},
            "namespaces shop, bank",
            "пространства имён shop, bank",
        ),
        ({"scope": "namespace", "namespaces": ()}, "one namespace at a time", "по одному пространству имён"),
    ],
)
def test_reach(over: dict[str, object], english: str, russian: str) -> None:
    looked_at = factories.looked_at(**over)
    assert (reach_phrase(EN, looked_at), reach_phrase(RU, looked_at)) == (english, russian)


def test_when() -> None:
    assert when_phrase(EN, factories.AT, factories.AT) == "at 2026-11-23 02:14:07 UTC"
    assert when_phrase(RU, factories.AT, factories.UNTIL) == (
        "с 2026-11-23 02:14:07 UTC по 2026-11-23 02:15:44 UTC (1 мин 37 с)"
    )


def test_a_day_that_no_record_holds_is_not_told() -> None:
    first, last = datetime(1970, 1, 1, 0, 12, tzinfo=UTC), datetime(1970, 1, 1, 0, 13, 5, tzinfo=UTC)
    assert when_phrase(EN, first, last) == "within 1 min 5 s, on a day that the log does not tell"
    assert when_phrase(RU, first, last) == "за 1 мин 5 с, в день, которого в журнале нет"


def test_what_with_everything_known() -> None:
    assert what_sentences(
        EN,
        factories.actor(),
        factories.looked_at(kinds=tuple("abcdefgh")),
        opens=factories.AT,
        closes=factories.UNTIL,
        addresses=("10.42.3.17",),
        tools=("curl/8.5",),
        chain=("exec in pods",),
    ) == (
        "Service account shop/web from 10.42.3.17 with curl/8.5 looked at a, b, c, d, e, f and 2 more "
        "(everything at once) between 2026-11-23 02:14:07 UTC and 2026-11-23 02:15:44 UTC (1 min 37 s): "
        "11 requests, 5 answered and 6 refused. Then it went on: exec in pods."
    )


def test_what_with_little_known() -> None:
    looked_at = factories.looked_at(requests=1, answered=1, refused=0, scope="one")
    assert what_sentences(RU, factories.actor(), looked_at, opens=factories.AT, closes=factories.AT) == (
        "Сервисный аккаунт shop/web запрашивает nodes, pods (отдельные объекты) 2026-11-23 02:14:07 UTC: "
        "1 запрос, с ответом 1, с отказом 0."
    )


def test_an_address_that_names_the_actor_is_told_once() -> None:
    stranger = factories.actor(kind="address", name="192.0.2.7")
    looked_at = factories.looked_at(requests=2, answered=0, refused=0)
    told = what_sentences(
        EN, stranger, looked_at, opens=factories.AT, closes=factories.AT, addresses=("192.0.2.7", "192.0.2.8")
    )
    assert told == (
        "Client at 192.0.2.7 from 192.0.2.8 looked at nodes, pods (everything at once) at 2026-11-23 02:14:07 UTC: "
        "2 requests; neither an answer nor a refusal is recorded."
    )


@pytest.mark.parametrize(
    ("first", "last", "english", "russian"),
    [
        (None, None, "It is compared with 7 days of its own past.", "Для сравнения есть 7 дней прежней активности."),
        (
            None,
            date(2026, 6, 7),
            "It is compared with 7 days of its own past, the last on 2026-06-07.",
            "Для сравнения есть 7 дней прежней активности, последний раз 2026-06-07.",
        ),
        (
            date(2026, 6, 1),
            date(2026, 6, 7),
            "It is compared with 7 days of its own past, 2026-06-01 to 2026-06-07.",
            "Для сравнения есть 7 дней прежней активности, с 2026-06-01 по 2026-06-07.",
        ),
    ],
)
def test_history(first: date | None, last: date | None, english: str, russian: str) -> None:
    assert (history_phrase(EN, 7, first, last), history_phrase(RU, 7, first, last)) == (english, russian)


def test_one_day_of_history_has_one_date() -> None:
    day = date(2026, 6, 7)
    assert history_phrase(EN, 1, day, day) == "It is compared with 1 day of its own past, the last on 2026-06-07."


@pytest.mark.parametrize(
    ("reason", "english", "russian"),
    [
        ("no-time", "record without a time", "запись без времени"),
        ("damaged: zip archive: bad\x1b", r"damaged (zip archive: bad\x1b)", r"повреждено (zip archive: bad\x1b)"),
        ("plain words: as they are", "plain words: as they are", "plain words: as they are"),
    ],
)
def test_reasons(reason: str, english: str, russian: str) -> None:
    assert (reason_phrase(EN, reason), reason_phrase(RU, reason)) == (english, russian)
