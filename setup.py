"""The one compiled part, left out where there is no C compiler: the findings are the same, reading is slower."""

from setuptools import Extension, setup

setup(
    ext_modules=[Extension("tidewaiter.sources._triage", ["src/tidewaiter/sources/_triage.c"], optional=True)],
)
