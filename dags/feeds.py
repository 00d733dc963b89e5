"""One Airflow DAG for each contract: extract → conform."""

from dags.factory.feed import feed_dags

globals().update(feed_dags())
