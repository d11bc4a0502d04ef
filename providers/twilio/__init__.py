"""Twilio: accounts, numbers, messaging services, RCS senders, keys, messages, alerts, events, callback signatures."""
