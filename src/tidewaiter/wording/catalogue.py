"""Message catalogues: flat keys to templates with named placeholders and plural forms.

Plural rules: Unicode CLDR 47, supplemental/plurals.xml, cardinal rules of `en` and `ru`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from tidewaiter import tables
from tidewaiter.wording.visible import cut, visible

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Value: TypeAlias = str | int | float | datetime | timedelta | Sequence[str]
Template: TypeAlias = str | Mapping[str, str]

_VALUE = 200  # characters of one value in a sentence
_ARGUMENT = 500  # characters of one value in a command
_LISTED = 12  # items of a list in a sentence
_GROUPED_FROM = 10_000  # shorter numbers read better without separators
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_POWERSHELL_QUOTES = re.compile("['\u2018-\u201b]")


class Clauses(tuple[str, ...]):
    """A list of parts that may hold commas themselves: semicolons stand between them."""

    __slots__ = ()


class Wording:
    """Says things in one language. A missing key or placeholder is a KeyError: a mistake in the program."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._templates = catalogue(language)

    def knows(self, key: str) -> bool:
        """Tell whether the catalogue has this key."""
        return key in self._templates

    def say(self, key: str, **values: Value) -> str:
        """Fill a template; values it does not name are ignored."""
        template = self._templates[key]
        if not isinstance(template, str):
            raise KeyError(f"{key} has plural forms: use many()")
        return template.format_map({name: self.shown(value) for name, value in values.items()})

    def many(self, key: str, n: float, **values: Value) -> str:
        """Fill the plural form that goes with the number `n`, which the template may name as {n}."""
        forms = self._templates[key]
        if isinstance(forms, str):
            raise KeyError(f"{key} has no plural forms: use say()")
        template = forms[plural_form(self.language, n)]
        return template.format_map({name: self.shown(value) for name, value in {"n": n, **values}.items()})

    def ask(self, key: str, **values: Value) -> str:
        """Give the question `next.<key>`, and on a second line the command that answers it, if there is one.

        The first line never holds a line end, the second is quoted for the shell it is meant for.
        """
        return self._with_command(f"next.{key}", values)

    def innocent(self, key: str, **values: Value) -> str:
        """Give the innocent reason `innocent.<key>`, and on a second line the command that would show it, if any."""
        return self._with_command(f"innocent.{key}", values)

    def contain(self, key: str, **values: Value) -> str:
        """Give the step `contain.<key>` with what it breaks, and on a second line its command, if there is one."""
        return self._with_command(f"contain.{key}", values)

    def _with_command(self, key: str, values: Mapping[str, Value]) -> str:
        sentence = self.say(key, **values)
        command = commands().get(key)
        if command is None:
            return sentence
        return f"{sentence}\n{command.format_map({name: _argument(value) for name, value in values.items()})}"

    def title(self, rule: str, given: str) -> str:
        """Give the title of a packaged recogniser in this language; `given` is what the rule itself says."""
        return titles(self.language).get(rule, given)

    def cannot_show(self, blind: str) -> str:
        """Say in one sentence what an input with this visibility id does not show; an unknown id stands for itself."""
        key = f"cannot.{blind}"
        return self.say(key) if self.knows(key) else self.say("cannot.unexplained", id=blind)

    def fix(self, blind: str) -> str:
        """Give the line of configuration, or the advice, that opens what an input does not show; or nothing."""
        key = f"fix.{blind}"
        return self.say(key) if self.knows(key) else commands().get(key, "")

    def opened(self, way: str) -> str:
        """Give the line of configuration that lets inputs show a way of looking around; or nothing."""
        return commands().get(f"open.{way}", "")

    def shown(self, value: Value) -> str:
        """Write one value: text made visible, numbers and times as the language writes them, lists cut short."""
        if isinstance(value, str):
            return cut(visible(value[: _VALUE + 1]), _VALUE)
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, datetime):
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if isinstance(value, timedelta):
            return self._span(int(value.total_seconds()))
        text = ("; " if isinstance(value, Clauses) else ", ").join(self.shown(item) for item in value[:_LISTED])
        if len(value) <= _LISTED:
            return text
        template = self._templates["list.more"]
        return str(template).format(list=text, n=len(value) - _LISTED)

    def _number(self, value: float) -> str:
        if isinstance(value, int):
            return f"{value:,}".replace(",", self._sign("group")) if abs(value) >= _GROUPED_FROM else str(value)
        return f"{value:g}".replace(".", self._sign("point"))

    def _sign(self, name: str) -> str:
        return str(self._templates[f"number.{name}"])

    def _span(self, seconds: int) -> str:
        if seconds < _MINUTE:
            return self.say("span.seconds", n=seconds)
        if seconds < _HOUR:
            whole, rest = self.say("span.minutes", n=seconds // _MINUTE), seconds % _MINUTE
            return f"{whole} {self.say('span.seconds', n=rest)}" if rest else whole
        if seconds < _DAY:
            whole, rest = self.say("span.hours", n=seconds // _HOUR), seconds % _HOUR // _MINUTE
            return f"{whole} {self.say('span.minutes', n=rest)}" if rest else whole
        whole, rest = self.say("span.days", n=seconds // _DAY), seconds % _DAY // _HOUR
        return f"{whole} {self.say('span.hours', n=rest)}" if rest else whole


def plural_form(language: Language, n: float) -> str:
    """Name the CLDR plural category of a number: one, few, many or other."""
    if not isinstance(n, int):
        return "other"  # v != 0: both languages
    i = abs(n)
    if language == "en":
        return "one" if i == 1 else "other"
    if i % 10 == 1 and i % 100 != 11:  # noqa: PLR2004 - the numbers of the rule
        return "one"
    if i % 10 in {2, 3, 4} and i % 100 not in {12, 13, 14}:
        return "few"
    return "many"


class _Argument(str):
    """A text as one argument of a command: quoted for a POSIX shell, or with `{name:powershell}` for PowerShell."""

    __slots__ = ()

    def __format__(self, shell: str) -> str:
        if shell == "powershell":
            # Within single quotes only these end the text, each is doubled (about_Quoting_Rules, PowerShell 7.4).
            return f"'{_POWERSHELL_QUOTES.sub(lambda match: match[0] * 2, self)}'"
        return shlex.quote(self)


def _argument(value: Value) -> Any:
    """Quote a value for a command; times are given as they are, for the template says how to write them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    text = value if isinstance(value, str) else str(value)
    return _Argument(cut(visible(text[: _ARGUMENT + 1]), _ARGUMENT))


@cache
def catalogue(language: Language) -> Mapping[str, Template]:
    """Give all templates of a language."""
    return MappingProxyType(_load(language))


@cache
def titles(language: Language) -> Mapping[str, str]:
    """Give the titles of packaged recognisers that a language has beside the rules' own English ones."""
    return MappingProxyType({} if language == "en" else _load(f"titles.{language}"))


@cache
def commands() -> Mapping[str, str]:
    """Give the templates of commands and configuration lines, which are the same in every language."""
    return MappingProxyType(_load("commands"))


def _load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = tables.table("wording", f"{name}.yml")
    return found
