"""The Airflow DAG that loads what a department hands over of the past: `citylake load` from the drop folder."""

from dags.factory.history import history_dag

history = history_dag()
