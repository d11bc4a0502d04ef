"""Runs onboard's processes on one machine: the embedded broker, the supervisor, and what ``up`` and ``demo`` share."""
