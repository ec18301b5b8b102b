"""The front: what the users see. It accepts parcels, and keeps each notice until notification has taken it."""

from service import Store, fetch, in_background, log, serve

store = Store(
    "CREATE TABLE IF NOT EXISTS parcels (parcel INTEGER PRIMARY KEY, receiver TEXT)",
    "CREATE TABLE IF NOT EXISTS outbox (parcel INTEGER PRIMARY KEY, receiver TEXT, request TEXT)",
)


def places_of(parcels, request):
    """Return the places, or None while tracking gives no good answer."""
    numbers = ",".join(str(parcel) for parcel in parcels)
    address = f"http://tracking:8080/scans?parcels={numbers}"
    try:
        status, answer = fetch("GET", address, timeout=0.5, headers={"X-Request-Id": request.id})
    except OSError:
        return None
    return answer["places"] if status == 200 else None


def accept(request):
    receiver = request.body["to"]
    with store.together():
        parcel = store.run("INSERT INTO parcels (receiver) VALUES (?) RETURNING parcel", receiver)[0][0]
        store.run("INSERT INTO outbox VALUES (?, ?, ?)", parcel, receiver, request.id)
    return 201, {"parcel": parcel}


def deliver():
    """Hand over what is in the outbox, oldest first, until one fails; the next try is a second later."""
    for parcel, receiver, number in store.run("SELECT * FROM outbox ORDER BY parcel"):
        try:
            status, _ = fetch(
                "POST",
                "http://notification:8080/notices",
                {"parcel": parcel, "to": receiver},
                timeout=1,
                headers={"X-Request-Id": number},
            )
        except OSError as error:
            log("notice kept", parcel=parcel, id=number, error=str(error))
            return
        if status >= 300:
            log("notice kept", parcel=parcel, id=number, status=status)
            return
        store.run("DELETE FROM outbox WHERE parcel = ?", parcel)


def front_page(request):
    latest = store.run("SELECT parcel, receiver FROM parcels ORDER BY parcel DESC LIMIT 5")
    places = places_of([parcel for parcel, _ in latest], request)
    shown = [{"parcel": parcel, "to": to, "place": (places or {}).get(str(parcel))} for parcel, to in latest]
    return 200, {"latest": shown, "tracking": "unavailable" if places is None else "ok"}


def one_parcel(request):
    parcel = int(request.path.rpartition("/")[2])
    found = store.run("SELECT receiver FROM parcels WHERE parcel = ?", parcel)
    if not found:
        return 404, {"error": f"no parcel {parcel}"}
    places = places_of([parcel], request)
    return 200, {
        "parcel": parcel,
        "to": found[0][0],
        "place": (places or {}).get(str(parcel)),
        "tracking": "unavailable" if places is None else "ok",
    }


in_background(deliver, pause=1)
serve({"GET /": front_page, "GET /parcels/*": one_parcel, "POST /parcels": accept})
