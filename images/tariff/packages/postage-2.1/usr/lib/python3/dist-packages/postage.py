"""Postage 2.1: what a parcel costs and how long it takes. Programs written for 1.x find no `price` here."""

VERSION = "2.1"


def quote(grams: int, zone: str) -> dict[str, int]:
    """Return the price in cents, and the days, of a parcel of this weight to this zone."""
    abroad = zone != "home"
    return {"cents": (590 if abroad else 310) + 55 * (grams // 500), "days": 4 if abroad else 1}
