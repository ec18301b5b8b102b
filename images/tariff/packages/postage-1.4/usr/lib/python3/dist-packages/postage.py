"""Postage 1.4: what a parcel costs, in cents."""

VERSION = "1.4"


def price(grams: int) -> int:
    """Return the price of a parcel of this weight."""
    return 290 + 60 * (grams // 500)
