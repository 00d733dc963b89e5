"""What every test run has: the plugins of this folder, and how many examples a property is tried with.

`make test` runs the tests without the marker `faults` with the profile `tests`; `make test-faults` runs the others,
and the properties once more with the profile `faults`.
"""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["pytester", "tests.support.budget", "tests.support.skip_summary", "tests.support.groups"]

# The same examples every time: a failure is the change's, not the dice's. The fault tier throws new dice each time.
settings.register_profile("tests", max_examples=100, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("faults", max_examples=300, deadline=None, print_blob=True)
settings.load_profile("tests")
