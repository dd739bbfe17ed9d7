import pytest

from support.espresso import Espresso


@pytest.fixture(scope="session")
def espresso() -> Espresso:
    return Espresso()
