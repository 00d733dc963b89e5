"""Refuse to ingest a feed whose contract is not active (docs/adr/0021).

Every step that fetches or stores deliveries calls `require_active` first. Feeds with a draft, retired or invalid
contract are left out while the others are ingested.
"""

from __future__ import annotations

from ingestion.contract.model import Contract, not_active
from ingestion.errors import ContractError


def require_active(contract: Contract) -> None:
    """Raises ContractError for any status but `active`."""
    if not contract.is_active:
        raise ContractError(
            not_active(contract.status),
            feed=contract.name,
            left="nothing was fetched, stored or changed",
            next_step=f"citylake contracts check; `citylake contracts try {contract.name} FILE` takes it as it is",
        )
