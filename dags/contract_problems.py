"""Defines no DAG: where a contract file is wrong, importing this file fails, and Airflow shows why as an import error.

The DAGs of the feeds with correct contracts are in `feeds.py` and keep running.
"""

from dags.factory.feed import require_sound

require_sound()
