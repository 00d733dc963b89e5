"""No Airflow DAG: Airflow shows what is wrong with contract files as this file's import error.

The DAGs of the other feeds are in `feeds.py` and go on.
"""

from dags.factory.feed import require_sound

require_sound()
