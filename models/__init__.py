"""What is declared (``models.spec``) and what is remembered (``models.tables``). Knows no vendor and no Celery."""
