"""What holds for all tests."""

from collections.abc import Iterator

import hypothesis
import pytest

from support.logged import logging_restored

# A busy machine is no reason to fail.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of large tests come first, so that no worker has one left when the others are done."""
    large = {item.path for item in items if item.get_closest_marker("large")}
    items.sort(key=lambda item: item.path not in large)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """A test that sets up logging in this process leaves it as it was."""
    with logging_restored():
        yield
