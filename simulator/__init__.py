"""Stand-ins for Twilio and Adobe Journey Optimizer, spoken to over real HTTP.

All state lives in the memory of one process. Nothing here may import another room of the project: the
simulator knows the vendors' public behaviour only, so that a mistake of ours cannot hide on both sides.
"""
