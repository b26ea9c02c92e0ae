"""The benchmarks are scripts beside the package, not part of it: make them importable for their tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
