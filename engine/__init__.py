"""The rules of progress: states, claims, the runner, waits. Knows no Celery and no HTTP client."""
