"""Bronze again from raw under today's contract revision and key version.

Batch by batch in the order deliveries count, so that a run that dies continues where it was. The
older bronze stays until nothing names it; a batch counts by its newest revision.
"""

from __future__ import annotations

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.contract.usable import require_active
from ingestion.delivery.attempt import attempt
from ingestion.delivery.commit import Work
from ingestion.delivery.outcome import Delivery, repeated
from ingestion.isolation import Isolated
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, feed_standing
from ingestion.receipts.manifests import manifest_of
from ingestion.receipts.model import INTERNAL_ERROR


def reconform(lake: Lake, contract: Contract) -> list[Delivery]:
    """One Delivery per batch that stands under another revision or key version, or met a defect of the lake.

    A batch whose raw bytes are past retention keeps its bronze and is reported as `duplicate` with
    that message. A batch that cannot be done stands as before and stops no other; at the end one
    error says which. Raises ContractError (a contract that is not active or cannot be run), StoreError, LakeBusy,
    IntegrityError, UnexpectedError.
    """
    require_active(contract)
    lake.log.refresh()
    with lake.log.reading() as connection:
        batches = feed_standing(connection, contract)
    sent = {standing.sent: standing for standing in batches}  # the parts of a bulk delivery go together
    due = [standing for standing in sent.values() if _is_due(lake, contract, standing)]
    done: list[Delivery] = []
    isolated = Isolated(lake.settings, contract.name, "reconform")
    for standing in due:
        with isolated.each(standing.interval):
            done.append(_reconform_batch(lake, contract, standing))
    isolated.raise_collected()
    return done


def _is_due(lake: Lake, contract: Contract, standing: Standing) -> bool:
    if standing.state == "erased":
        return False
    # A delivery refused before its rows were read met no key.
    other_key = standing.outcome != "refused" and standing.key_version != lake.keys.version
    return standing.revision != contract.revision or other_key or standing.rule == INTERNAL_ERROR


def _reconform_batch(lake: Lake, contract: Contract, standing: Standing) -> Delivery:
    manifest = manifest_of(lake.store, standing)
    if lake.store.head(manifest.payload) is None:
        prefix = keys.raw_prefix_of(manifest.payload)
        gone = "past retention" if lake.store.head(keys.raw_tombstone(prefix)) else "missing from the store"
        return repeated(
            contract, standing, manifest.filename, f"raw bytes are {gone}; stays under revision {standing.revision}"
        )
    return attempt(lake, contract, Work(manifest, standing.as_of, standing))
