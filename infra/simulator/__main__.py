"""`python -m infra.simulator`."""

from infra.simulator.cli import app

app(prog_name="python -m infra.simulator")
