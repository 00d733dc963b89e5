"""The one Airflow DAG of the warehouse: build → test → gate → publish, rung by any feed's asset."""

from dags.factory.warehouse import warehouse_dag

dag = warehouse_dag()
