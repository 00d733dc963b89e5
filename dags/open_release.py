"""The Airflow DAG that asks a person before the open edition is published; none without CITYLAKE_OPEN_APPROVAL."""

from dags.factory.approval import approval_dags

globals().update(approval_dags())
