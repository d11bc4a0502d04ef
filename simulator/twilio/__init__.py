"""Twilio's public behaviour: REST resources, messages on their way, signed callbacks."""
