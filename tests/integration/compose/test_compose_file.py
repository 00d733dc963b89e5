"""docker-compose.yml and its Dockerfiles keep the house's rules, and the reference parser of Compose takes them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.stack.airflow import Airflow
from infra.stack.secrets import stack_secrets
from tests.support.compose_file import COMPOSE, REPO, MissingVariable, env_file, image, loaded, raw
from tests.support.reference_parser import reference_parser

SERVICES = {
    "postgres", "minio", "init", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor",
    "airflow-triggerer", "pages", "simulator",
}  # fmt: skip
KEYS = {
    "image", "build", "command", "environment", "env_file", "volumes", "tmpfs", "networks", "ports", "expose", "user",
    "depends_on", "healthcheck", "restart", "read_only", "cap_drop", "security_opt", "logging", "init", "deploy",
    "stop_grace_period", "stop_signal", "shm_size", "profiles",
}  # fmt: skip
ONE_SHOT = {"init"}
SECRET = re.compile(r"PASSWORD$|PASSWORD__|SECRET|TOKEN|FERNET|_KEY$|CONTROL$|ROOT_USER|SQL_ALCHEMY_CONN|LOCK_DATABASE")
MIDDLE = {name: "x" * 20 for name in re.findall(r"\$\{(\w+):\?", COMPOSE.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def secrets_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    made = subprocess.run(
        [sys.executable, "-m", "infra.compose.secrets", folder], cwd=REPO, capture_output=True, text=True, check=True
    )
    values = [*env_file(folder / ".env.compose").values()]
    assert not [value for value in values if value in made.stdout + made.stderr]
    return folder


@pytest.fixture(scope="module")
def variables(secrets_made: Path) -> dict[str, str]:
    return env_file(secrets_made / ".env.compose")


@pytest.fixture(scope="module")
def services(variables: dict[str, str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = loaded(variables)["services"]
    return found


def test_every_secret_is_made_private_random_and_never_replaced(secrets_made: Path, tmp_path: Path) -> None:
    for name in (".env.compose", ".env.lake", ".env.city"):
        assert stat.S_IMODE((secrets_made / name).stat().st_mode) == 0o600
        ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=REPO, check=False)
        assert ignored.returncode == 0, f"{name} is not ignored by git"
    first = env_file(secrets_made / ".env.compose")
    assert set(first) == set(MIDDLE)
    assert min(map(len, first.values())) >= 16
    command = [sys.executable, "-m", "infra.compose.secrets"]
    subprocess.run([*command, tmp_path], cwd=REPO, check=True, capture_output=True)
    other = env_file(tmp_path / ".env.compose")
    assert not [name for name in first if first[name] == other[name]]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    again = subprocess.run([*command, tmp_path], cwd=REPO, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "never replaced" in again.stderr
    (tmp_path / ".env.compose").unlink()
    assert subprocess.run([*command, tmp_path], cwd=REPO, check=False, capture_output=True).returncode == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == {
        path: content for path, content in before.items() if path.name != ".env.compose"
    }


def test_a_secret_that_a_newer_version_needs_is_added(secrets_made: Path, tmp_path: Path) -> None:
    shutil.copy2(secrets_made / ".env.lake", tmp_path)
    kept = (secrets_made / ".env.compose").read_text(encoding="utf-8").splitlines()
    earlier = [line for line in kept if not line.startswith("POSTGRES_ADMIN_PASSWORD")]
    (tmp_path / ".env.compose").write_text("\n".join(earlier), encoding="utf-8")
    command = [sys.executable, "-m", "infra.compose.secrets", str(tmp_path)]
    said = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout
    assert said == "compose-secrets: added POSTGRES_ADMIN_PASSWORD to .env.compose\n"
    found, before = env_file(tmp_path / ".env.compose"), env_file(secrets_made / ".env.compose")
    assert found.pop("POSTGRES_ADMIN_PASSWORD") != before.pop("POSTGRES_ADMIN_PASSWORD")
    assert found == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env.compose", ".env.lake"]
    assert stat.S_IMODE((tmp_path / ".env.compose").stat().st_mode) == 0o600


def test_settings_that_an_earlier_version_kept_with_the_secrets_are_copied_for_the_page(
    secrets_made: Path, tmp_path: Path
) -> None:
    shutil.copy2(secrets_made / ".env.compose", tmp_path)
    secret = ["CITYLAKE_CONN_OFFICE=http://office/?token=abc", "CITYLAKE_SMTP_PASSWORD=abc", "CITYLAKE_WEBHOOK_URL=abc"]
    kept = ["CITYLAKE_CONTRACTS=/srv/contracts", "CITYLAKE_TIMEZONE=Asia/Shanghai"]
    (tmp_path / ".env.city").write_text("\n".join([*secret, *kept, ""]), encoding="utf-8")
    command = [sys.executable, "-m", "infra.compose.secrets", str(tmp_path)]
    said = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout
    assert said == "compose-secrets: added .env.lake, from the settings in .env.city\n"
    assert env_file(tmp_path / ".env.lake") == dict(line.split("=", 1) for line in kept)
    assert stat.S_IMODE((tmp_path / ".env.lake").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", sorted(MIDDLE))
def test_without_a_secret_nothing_starts(variables: dict[str, str], name: str) -> None:
    with pytest.raises(MissingVariable, match=f"{name}: run `make compose-secrets`"):
        loaded({**variables, name: ""})


def test_no_secret_is_written_down() -> None:
    """Whatever is named like a secret comes whole from a variable that must be given."""
    found = 0
    for name, service in raw()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and not str(value).startswith("/"):
                found += 1
                assert re.search(r"\$\{\w+:\?run `make compose-secrets`\}", str(value)), (name, variable)
    assert found > len(MIDDLE)


def test_services_and_their_keys(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == SERVICES
    for name, service in services.items():
        assert set(service) <= KEYS, (name, set(service) - KEYS)
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
    assert [name for name, service in services.items() if "profiles" in service] == ["simulator"]


def test_images_are_pinned_or_built_and_run_as_an_account_of_their_own(services: dict[str, dict[str, Any]]) -> None:
    exact = re.compile(r"^[\w./-]+:[\w.-]*\d+\.[\w.-]*$|^[\w./-]+:[0-9a-f]{12}$")
    for name, service in services.items():
        assert exact.match(service["image"]), (name, service["image"])
        if "build" not in service:
            assert service["user"] not in ("root", "0")
            continue
        built = image(dockerfile_of(service))
        assert built.user not in (None, "root", "0")
        for base in built.bases:
            assert exact.match(base), base
        context = REPO / service["build"]["context"]
        for source, _ in built.copies:
            assert (context / source).exists(), f"{name}: COPY {source}"


def dockerfile_of(service: dict[str, Any]) -> Path:
    context = REPO / service["build"]["context"]
    return context / service["build"].get("dockerfile", "Dockerfile")


def test_ports_are_this_machines_only(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"minio", "airflow-api-server", "pages"}
    for ports in published.values():
        for port in ports:
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_every_service_has_a_health_check_of_programs_in_its_image(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        check = service["healthcheck"]
        if name in ONE_SHOT:
            assert check == {"disable": True}
            continue
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(check)
        program = "pg_isready" if name == "postgres" else "bash" if name == "minio" else "python"
        assert check["test"][:2] == ["CMD", program], name


def test_services_wait_for_what_exists(services: dict[str, dict[str, Any]]) -> None:
    done: set[str] = set()
    while len(done) < len(services):
        ready = {name for name, s in services.items() if name not in done and set(s.get("depends_on", {})) <= done}
        assert ready, "services wait for each other in a circle, or for one that is not there"
        done |= ready
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how == {"condition": wanted}


def test_volumes_and_networks_are_declared_and_used(services: dict[str, dict[str, Any]]) -> None:
    document = raw()
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    assert set(mounted) == set(document["volumes"])
    joined = {network for service in services.values() for network in service["networks"]}
    assert joined == set(document["networks"])
    assert services["postgres"]["networks"] == ["data"]
    assert document["networks"]["data"] == {"internal": True}


def test_who_gets_which_secret(services: dict[str, dict[str, Any]], variables: dict[str, str]) -> None:
    """The triggerer cannot open the lake, the page only read it and record decisions; keys of pseudonyms are where
    tasks run, and nowhere else. The page knows no connection of a department and no mail password."""

    def knows(secret: str) -> set[str]:
        value = variables[secret]
        return {n for n, s in services.items() if any(value in str(v) for v in s["environment"].values())}

    airflow = {name for name in SERVICES if name.startswith("airflow-")} | {"init"}
    opening = {"init", "airflow-scheduler", "airflow-dag-processor", "airflow-api-server"}
    assert knows("MINIO_ROOT_PASSWORD") == opening | {"minio"}
    assert knows("POSTGRES_PASSWORD") == airflow
    assert knows("POSTGRES_ADMIN_PASSWORD") == {"postgres", "init"}
    assert knows("POSTGRES_LOCKS_PASSWORD") == opening
    assert knows("AIRFLOW_ADMIN_PASSWORD") == {"init"}
    assert knows("SIMULATOR_TOKEN") == {"simulator"}
    keys = {n for n, s in services.items() if any(v.startswith("keys:") for v in s.get("volumes", []))}
    assert keys == {"airflow-scheduler"}
    files = {name: [file["path"] for file in s.get("env_file", [])] for name, s in services.items()}
    assert {n for n, f in files.items() if ".env.city" in f} == {"airflow-scheduler", "airflow-dag-processor"}
    assert {n for n, f in files.items() if ".env.lake" in f} == opening - {"init"}
    assert "CITYLAKE_PSEUDONYM_KEYS" not in services["airflow-api-server"]["environment"]
    plugins = {n for n, s in services.items() if "dags/plugins" in str(s["environment"])}
    assert plugins == {"airflow-api-server"}
    assert {n for n, f in files.items() if "infra/airflow.env" in f} == airflow


def test_the_settings_of_both_forms_hold_no_secret_and_are_said_once(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    shared = env_file(REPO / "infra/airflow.env")
    assert shared and not [name for name in shared if SECRET.search(name)]
    for name, service in services.items():
        assert not shared.keys() & service["environment"].keys(), name
    local = Airflow(tmp_path, 1, "postgresql+psycopg2://", stack_secrets(tmp_path / "s.json"), {}).environment()
    assert shared.items() <= local.items()


def test_nothing_phones_home(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if service["image"].startswith("citylake:"):
            quiet = {"DO_NOT_TRACK": "1", "SCARF_ANALYTICS": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
            assert quiet.items() <= service["environment"].items(), name
    assert services["minio"]["environment"]["MINIO_UPDATE"] == "off"


def test_what_is_not_for_an_image_stays_outside() -> None:
    """The context is shut but for what the Dockerfile copies."""
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {source.split("/")[0] for source, _ in image(REPO / "infra/images/citylake/Dockerfile").copies}
    assert allowed == copied


@pytest.mark.faults
def test_compose_itself_takes_the_file(secrets_made: Path, variables: dict[str, str], tmp_path: Path) -> None:
    """`docker compose config` where that is installed; else the parser it is made of, where Go builds it."""
    plugin = shutil.which("docker") and subprocess.run(
        ["docker", "compose", "version"], check=False, capture_output=True
    )
    if plugin and plugin.returncode == 0:
        command = ["docker", "compose", "-f", COMPOSE, "--profile", "simulator", "config", "--format", "json"]
        environment = {**os.environ, **variables}
    else:
        # The parser's own command does not fill in variables: it gets the file with all of them filled in.
        written = yaml.safe_dump(loaded(variables), sort_keys=False).replace("$", "$$")
        (tmp_path / "docker-compose.yml").write_text(written, encoding="utf-8")
        for name in (".env.lake", ".env.city"):
            shutil.copy2(secrets_made / name, tmp_path)
        (tmp_path / "infra").mkdir()
        shutil.copy2(REPO / "infra/airflow.env", tmp_path / "infra")
        command = [reference_parser(), "-format", "json", "-no-interpolation", tmp_path / "docker-compose.yml"]
        environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    model = json.loads(done.stdout)
    assert set(model["services"]) == SERVICES
