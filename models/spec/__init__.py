"""The spec: one YAML file that declares one onboarding. Pydantic models only; reading files is ``models.spec.load``."""
