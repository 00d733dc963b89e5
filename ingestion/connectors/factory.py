"""The connector for a feed, chosen by the `source` of its contract."""

from __future__ import annotations

from ingestion.connectors.base import Connector
from ingestion.connectors.file_drop import FileDropConnector
from ingestion.contract.model import Contract
from ingestion.contract.sources import Database, FhirBulk, HttpFile, JsonApi, Sftp
from ingestion.contract.usable import require_active
from ingestion.lake import Lake


def connector_for(lake: Lake, contract: Contract) -> Connector:
    """The connector of the contract's source. It opens no file and no connection before `fetch` is called.

    Raises ContractError for a contract that is not active.
    """
    require_active(contract)
    source = contract.citylake.source
    # The other connectors are imported here: a file drop needs no HTTP client and no database driver.
    if isinstance(source, HttpFile):
        from ingestion.connectors.http_file import HttpFileConnector

        return HttpFileConnector(lake, contract, source)
    if isinstance(source, JsonApi):
        from ingestion.connectors.json_api import JsonApiConnector

        return JsonApiConnector(lake, contract, source)
    if isinstance(source, Database):
        from ingestion.connectors.exchange import DatabaseConnector

        return DatabaseConnector(lake, contract, source)
    if isinstance(source, Sftp):
        from ingestion.connectors.sftp import SftpConnector

        return SftpConnector(lake, contract, source)
    if isinstance(source, FhirBulk):
        from ingestion.connectors.fhir_bulk import FhirBulkConnector

        return FhirBulkConnector(lake, contract, source)
    return FileDropConnector(lake.settings.drop_root)
