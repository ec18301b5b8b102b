"""The front: what the users see. It accepts parcels, and sends the messages; where parcels are, it asks tracking."""

import os

from service import Store, fetch, log, serve

GATEWAY = os.environ["GATEWAY"]

store = Store("CREATE TABLE IF NOT EXISTS parcels (parcel INTEGER PRIMARY KEY, receiver TEXT)")


def places_of(parcels, request):
    numbers = ",".join(str(parcel) for parcel in parcels)
    address = f"http://tracking:8080/scans?parcels={numbers}"
    _, answer = fetch("GET", address)
    return answer["places"], "ok"


def notify(parcel, receiver):
    status, _ = fetch("POST", GATEWAY, {"to": receiver, "text": f"Parcel {parcel} is on its way."})
    log("message sent", parcel=parcel, status=status)


def accept(request):
    receiver = request.body["to"]
    parcel = store.run("INSERT INTO parcels (receiver) VALUES (?) RETURNING parcel", receiver)[0][0]
    notify(parcel, receiver)
    return 201, {"parcel": parcel}


def front_page(request):
    latest = store.run("SELECT parcel, receiver FROM parcels ORDER BY parcel DESC LIMIT 5")
    places, tracking = places_of([parcel for parcel, _ in latest], request)
    shown = [{"parcel": parcel, "to": to, "place": places.get(str(parcel))} for parcel, to in latest]
    return 200, {"latest": shown, "tracking": tracking}


def one_parcel(request):
    parcel = int(request.path.rpartition("/")[2])
    found = store.run("SELECT receiver FROM parcels WHERE parcel = ?", parcel)
    if not found:
        return 404, {"error": f"no parcel {parcel}"}
    places, tracking = places_of([parcel], request)
    return 200, {"parcel": parcel, "to": found[0][0], "place": places.get(str(parcel)), "tracking": tracking}


serve({"GET /": front_page, "GET /parcels/*": one_parcel, "POST /parcels": accept})
