from __future__ import annotations

import msgspec
import pytest

from tidewaiter.gate.caller import NOBODY, Caller, Certificate, caller_document, caller_of

_FIELDS = {
    *("pid", "uid", "gid", "user", "login_uid", "login_user", "exe", "command"),
    *("container", "image", "unit", "ssh", "certificate", "address"),
}
_ALICE = Caller(
    pid=7,
    uid=0,
    user="root",
    login_user="alice",
    command=("docker", "ps"),
    certificate=Certificate(subject="CN=alice", names=("alice",), fingerprint="ab" * 32),
    labels={"team": "web"},
    groups=("docker",),
)


def test_a_document_has_every_field_of_the_record_and_no_other() -> None:
    assert caller_document(NOBODY) == dict.fromkeys(_FIELDS)


def test_a_document_is_read_as_it_was_written_without_what_only_the_policy_uses() -> None:
    assert caller_of(caller_document(_ALICE)) == msgspec.structs.replace(_ALICE, labels=None, groups=None)


def test_a_document_of_a_later_version_is_read() -> None:
    assert caller_of({"uid": 5, "colour": "green"}) == Caller(uid=5)


def test_what_is_no_caller_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        caller_of({"uid": "five"})
