"""Which connector fetches a feed, by what its contract's `source` says."""

from __future__ import annotations

from ingestion.connectors.base import Connector
from ingestion.connectors.file_drop import FileDropConnector
from ingestion.contract.model import Contract
from ingestion.lake import Lake


def connector_for(lake: Lake, contract: Contract) -> Connector:
    """The connector of the contract's source, with what it needs of the lake.

    Opens nothing: the department's side is met in `fetch`.
    """
    return FileDropConnector(lake.settings.drop_root)
