"""The Airflow DAGs that keep the lake in order: incidents, expired records, compaction, retention, orphans, docs."""

from dags.factory.maintenance import maintenance_dags

globals().update(maintenance_dags())
