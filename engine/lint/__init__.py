"""The linter before submission: rules over a sound spec and over what its web addresses answered. Fetches nothing."""
