from tests.integration.conftest import database_url, postgres, redis, simulator, stack

__all__ = ["database_url", "postgres", "redis", "simulator", "stack"]
