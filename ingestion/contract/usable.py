"""Whether a feed may be taken in: its contract is active. Every way in asks here before it fetches or stores.

Finishing a contract is a person's work: a draft, a retired or a wrong one is left out while the other feeds go on
(docs/adr/0021).
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
