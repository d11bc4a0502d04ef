"""What runs: the Celery app (``tasks.celery``), one file per step (``tasks.steps``), the chain and the clock."""
