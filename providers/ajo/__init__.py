"""Adobe: IMS tokens, the public read-only surfaces API, the automation contract, and AJO's webhook payloads."""
