"""The one Airflow DAG of the warehouse: build → test → gate → publish, triggered by an asset event of any feed."""

from dags.factory.warehouse import warehouse_dag

dag = warehouse_dag()
