"""Durable delivery: hooks that run after the answer run at least once, whatever happens to the process."""

from hookpoint.hooks.deliveries.database import Database, Sealer
from hookpoint.hooks.deliveries.errors import NoIntent, PayloadUnreadable
from hookpoint.hooks.deliveries.observer import Counts, DeliveryObserver, DeliveryOutcome
from hookpoint.hooks.deliveries.outbox import Outbox
from hookpoint.hooks.deliveries.payload import DurableEvent
from hookpoint.hooks.deliveries.resolver import CannotTell, DidNotHappen, Happened, Intent, Resolution, Resolver
from hookpoint.hooks.deliveries.service import Deliveries
from hookpoint.hooks.deliveries.tables import MIGRATIONS, PART
from hookpoint.hooks.delivery_policy import DeliveryPolicy

__all__ = [
    "MIGRATIONS",
    "PART",
    "CannotTell",
    "Counts",
    "Database",
    "Deliveries",
    "DeliveryObserver",
    "DeliveryOutcome",
    "DeliveryPolicy",
    "DidNotHappen",
    "DurableEvent",
    "Happened",
    "Intent",
    "NoIntent",
    "Outbox",
    "PayloadUnreadable",
    "Resolution",
    "Resolver",
    "Sealer",
]
