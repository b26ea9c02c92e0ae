"""Every recording says where it comes from and under which licence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from architecture.tree import PACKS, ROOT, TESTS, relative

_FOLDERS = [*sorted(path for path in (TESTS / "data").iterdir() if path.is_dir()), PACKS / "demo"]
_LICENCES = re.compile(r"\b(?:Apache-2\.0|MIT|BSD-[23]-Clause|CC0-1\.0)\b")


@pytest.mark.parametrize("folder", _FOLDERS, ids=relative)
def test_a_folder_of_recordings_has_a_readme_with_its_licence(folder: Path) -> None:
    assert _LICENCES.search((folder / "README.md").read_text(encoding="utf-8"))


def test_the_licence_is_the_one_the_package_names() -> None:
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert re.search(r"Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text
