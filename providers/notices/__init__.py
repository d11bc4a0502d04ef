"""How notices are sent: to anything that has an Apprise URL (Slack, JSON webhook, e-mail and a hundred others).

Apprise: https://github.com/caronc/apprise (BSD), 2.3 read on 2026-11-25. It takes a quarter of a second to import, so
only the task that sends does.
"""
