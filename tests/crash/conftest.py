from pathlib import Path

import pytest

from tests.integration.conftest import database_url, postgres, redis, simulator, stack

__all__ = ["database_url", "postgres", "redis", "simulator", "stack"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
