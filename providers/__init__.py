"""Other people's APIs: one folder per vendor, one shared HTTP layer, one error vocabulary. Knows no onboarding."""
