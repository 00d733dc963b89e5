"""`python -m infra.compose.store_accounts`: who may read which edition in MinIO; `init` runs `policies`.

`policies` puts every policy of `infra/minio/policies` into MinIO: one for the lake's own account, one for readers of
the internal and of the open edition, and one for readers of each restricted edition that the dbt project declares. It
may run again at any time. `add NAME --reads internal --reads restricted/PRODUCT` makes an account and shows its secret
key once; one that is there gets a new key, and reads what is named now. What a reader is not named for, MinIO refuses.

In the environment: what the lake's own settings say of the store; CITYLAKE_S3_ACCESS_KEY is MinIO's administrator.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import typer
import yaml

if TYPE_CHECKING:
    from minio.minioadmin import MinioAdmin

    from ingestion.settings import Settings

POLICIES = Path(__file__).resolve().parents[1] / "minio" / "policies"
PREFIX = "citylake-"
"""Of the names of policies in MinIO."""
_PRODUCT = "PRODUCT"
_SECONDS = 10.0

application = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


def restricted_products(project: Path) -> list[str]:
    """Data products with a model that is declared `edition: restricted`, by the generated files of the dbt project."""
    found: set[str] = set()
    for path in (project / "models").rglob("_*__models.yml"):
        for model in (yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}).get("models", []):
            config = model.get("config", {})
            if config.get("meta", {}).get("citylake", {}).get("edition") == "restricted":
                found.add(config["group"])
    return sorted(found)


def policies(store: str, products: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name to document of every policy, for the store `s3://bucket[/prefix]` and products with a restricted edition."""
    address = urlsplit(store)
    root = f"{address.path.strip('/')}/" if address.path.strip("/") else ""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(POLICIES.glob("*.json")):
        text = path.read_text(encoding="utf-8").replace("BUCKET", address.netloc).replace("ROOT", root)
        for product in products if _PRODUCT in path.stem else [""]:
            found[PREFIX + path.stem.replace(_PRODUCT, product)] = json.loads(text.replace(_PRODUCT, product))
    return found


def policy_of(edition: str) -> str:
    """The name of the policy for readers of an edition."""
    return f"{PREFIX}reader-{edition.replace('/', '-')}"


def administer(settings: Settings) -> MinioAdmin:
    """MinIO's administration, as the account of the settings."""
    from minio.credentials.providers import StaticProvider
    from minio.minioadmin import MinioAdmin

    if not (settings.s3_endpoint and settings.s3_access_key and settings.s3_secret_key):
        raise typer.BadParameter("no store in a bucket is configured (CITYLAKE_S3_ENDPOINT and its keys)")
    address = urlsplit(settings.s3_endpoint)
    provider = StaticProvider(settings.s3_access_key, settings.s3_secret_key.get_secret_value())
    return MinioAdmin(endpoint=address.netloc, credentials=provider, secure=address.scheme == "https")


def put_policies(admin: MinioAdmin, documents: dict[str, dict[str, Any]]) -> None:
    """Put them into MinIO, in place of earlier ones of these names."""
    for name, document in documents.items():
        admin.policy_add(name, policy=document)


def add_account(admin: MinioAdmin, name: str, secret: str, editions: Sequence[str]) -> None:
    """Make an account that reads these editions and nothing else."""
    admin.user_add(name, secret)
    admin.policy_set(",".join(map(policy_of, editions)), user=name)


def is_minio(endpoint: str) -> bool:
    """Whether a MinIO answers there: other stores are given the same policies by their own means."""
    try:
        with build_opener(ProxyHandler({})).open(f"{endpoint}/minio/health/live", timeout=_SECONDS) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (OSError, HTTPException, ValueError):  # URLError and timeouts are OSErrors; an answer that is no HTTP
        return False


@application.command("policies")
def policies_command() -> None:
    """Put the policies into MinIO."""
    from ingestion.settings import Settings

    settings = Settings()
    if not is_minio(settings.s3_endpoint or ""):
        typer.echo(f"store accounts: the store is no MinIO; give it the policies of {POLICIES} by its own means")
        return
    documents = policies(settings.store or "", restricted_products(settings.dbt_project))
    put_policies(administer(settings), documents)
    typer.echo(f"store accounts: {', '.join(documents)}")


@application.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="Of a person or a service; MinIO's access key.")],
    reads: Annotated[list[str], typer.Option("--reads", help="internal, open or restricted/PRODUCT; again for more.")],
) -> None:
    """Make an account for a reader, and show its secret key once."""
    from ingestion.settings import Settings

    settings = Settings()
    known = policies(settings.store or "", restricted_products(settings.dbt_project))
    unknown = [edition for edition in reads if policy_of(edition) not in known]
    if unknown:
        raise typer.BadParameter(f"there is no edition {', '.join(unknown)}")
    secret = secrets.token_urlsafe(30)
    add_account(administer(settings), name, secret, reads)
    typer.echo(f"{name} reads {', '.join(reads)}; secret key, shown once: {secret}")


if __name__ == "__main__":
    sys.exit(application())
