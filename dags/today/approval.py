"""The open edition's approval on the page: what waits, and the answer to Airflow's question in the caller's name."""

from __future__ import annotations
