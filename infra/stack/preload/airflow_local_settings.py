"""Read by Airflow's scheduler when it starts: what tasks import, imported once.

LocalExecutor forks a process for each task from the scheduler's workers, so modules that are there already cost a
task nothing; dbt alone takes more than two seconds to import. Nothing is opened here: engines, connections and
threads belong to the task that needs them.
"""

import dbt.adapters.duckdb.impl
import dbt.cli.main
import duckdb
import pyarrow.parquet

import dags.factory.feed_tasks
import dags.factory.maintenance_tasks
import dags.factory.warehouse_tasks
import ingestion.conform.run
import warehouse.build.runner
import warehouse.gate.decide
import warehouse.incidents.sweep
import warehouse.publish.run

__all__ = ["dags", "dbt", "duckdb", "ingestion", "pyarrow", "warehouse"]
