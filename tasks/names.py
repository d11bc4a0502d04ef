"""Every task and queue name, once. They are stored in brokers and shown in Flower: never rename one."""

from __future__ import annotations

STEP_TASKS = {
    "registration": "onboard.registration",
    "webhook": "onboard.webhook",
    "credential": "onboard.credential",
    "channel": "onboard.channel",
    "verification": "onboard.verification",
}
UNDO_TASKS = {
    "registration": "onboard.undo_registration",
    "webhook": "onboard.undo_webhook",
    "credential": "onboard.undo_credential",
    "channel": "onboard.undo_channel",
    "verification": "onboard.undo_verification",
}
TICK = "clock.tick"
SWEEP = "clock.sweep"
FORWARD = "inbox.forward"
SEND_NOTICES = "notices.send"
CANARY = "canary.fly"

STEPS_QUEUE = "steps"
INBOX_QUEUE = "inbox"
CLOCK_QUEUE = "clock"
NOTICES_QUEUE = "notices"
QUEUES = (STEPS_QUEUE, INBOX_QUEUE, CLOCK_QUEUE, NOTICES_QUEUE)

ROUTES = {
    "onboard.*": {"queue": STEPS_QUEUE},
    "inbox.*": {"queue": INBOX_QUEUE},
    "clock.*": {"queue": CLOCK_QUEUE},
    "notices.*": {"queue": NOTICES_QUEUE},
}
