"""Parcel as one program: it accepts parcels, knows where they are, and tells the people who wait for them."""

import os

from service import Store, fetch, log, serve

GATEWAY = os.environ["GATEWAY"]

store = Store(
    "CREATE TABLE IF NOT EXISTS parcels (parcel INTEGER PRIMARY KEY, receiver TEXT)",
    "CREATE TABLE IF NOT EXISTS scans (parcel INTEGER PRIMARY KEY, place TEXT)",
)


# Tracking: where a parcel was seen last.


def scanned(request):
    store.run("INSERT OR REPLACE INTO scans VALUES (?, ?)", request.body["parcel"], request.body["place"])
    return 201, {}


def places_of(parcels):
    found = store.run("SELECT parcel, place FROM scans")
    return {parcel: place for parcel, place in found if parcel in parcels}


# Notification: a message to the one who waits for it.


def notify(parcel, receiver):
    status, _ = fetch("POST", GATEWAY, {"to": receiver, "text": f"Parcel {parcel} is on its way."})
    log("message sent", parcel=parcel, status=status)


# The front: what the users see.


def accept(request):
    receiver = request.body["to"]
    parcel = store.run("INSERT INTO parcels (receiver) VALUES (?) RETURNING parcel", receiver)[0][0]
    notify(parcel, receiver)
    return 201, {"parcel": parcel}


def front_page(request):
    latest = store.run("SELECT parcel, receiver FROM parcels ORDER BY parcel DESC LIMIT 5")
    places = places_of([parcel for parcel, _ in latest])
    shown = [{"parcel": parcel, "to": to, "place": places.get(parcel)} for parcel, to in latest]
    return 200, {"latest": shown, "tracking": "ok"}


def one_parcel(request):
    parcel = int(request.path.rpartition("/")[2])
    found = store.run("SELECT receiver FROM parcels WHERE parcel = ?", parcel)
    if not found:
        return 404, {"error": f"no parcel {parcel}"}
    place = places_of([parcel]).get(parcel)
    return 200, {"parcel": parcel, "to": found[0][0], "place": place, "tracking": "ok"}


serve(
    {
        "GET /": front_page,
        "GET /parcels/*": one_parcel,
        "POST /parcels": accept,
        "POST /scans": scanned,
    }
)
