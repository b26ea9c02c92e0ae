"""The words of findings and reports: catalogues in `packs/wording/`, and phrases for values of the model.

Every value that comes from a log is made visible before it enters a sentence, and quoted before it enters a command.
"""

from tidewaiter.wording.catalogue import LANGUAGES, Language, Value, Wording

__all__ = ["LANGUAGES", "Language", "Value", "Wording"]
