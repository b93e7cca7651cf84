"""The kit's own fixtures, also where this checkout is not installed."""

from lab.pytest_plugin import (  # noqa: F401  (pytest finds them here)
    broker,
    cloud,
    home,
    ingest_keys,
    overheard_directory,
    overheard_settings,
    pytest_configure,
    speaker,
)
