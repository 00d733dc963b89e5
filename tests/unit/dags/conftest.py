"""Airflow makes a folder where it is told, or in a person's home, as soon as it is imported: it is told before that."""

from __future__ import annotations

import os
import tempfile

_HOME = tempfile.TemporaryDirectory(prefix="airflow-")  # lives as long as this process
os.environ["AIRFLOW_HOME"] = _HOME.name
