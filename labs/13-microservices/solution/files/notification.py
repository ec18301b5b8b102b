"""Notification: takes a notice, keeps it, and has the gateway send it, once."""

from pathlib import Path

from service import Store, fetch, in_background, log, serve

KEY = Path("/run/secrets/gateway").read_text().strip()

store = Store(
    "CREATE TABLE IF NOT EXISTS notices (parcel INTEGER PRIMARY KEY, receiver TEXT, request TEXT, sent INTEGER DEFAULT 0)"
)


def take(request):
    # Who asks twice has not heard our answer: a notice that is there already is taken.
    store.run(
        "INSERT OR IGNORE INTO notices (parcel, receiver, request) VALUES (?, ?, ?)",
        request.body["parcel"],
        request.body["to"],
        request.id,
    )
    return 202, {}


def send():
    for parcel, receiver, number in store.run(
        "SELECT parcel, receiver, request FROM notices WHERE NOT sent ORDER BY parcel"
    ):
        message = {
            "to": receiver,
            "text": f"Parcel {parcel} is on its way.",
            "reference": f"parcel-{parcel}",
        }
        headers = {"X-Gateway-Key": KEY, "X-Request-Id": number}
        status, _ = fetch("POST", "http://gateway:8080/messages", message, timeout=2, headers=headers)
        if status != 200:
            raise OSError(f"the gateway answers {status}")
        store.run("UPDATE notices SET sent = 1 WHERE parcel = ?", parcel)
        log("message sent", parcel=parcel, id=number)


in_background(send, pause=1)
serve({"POST /notices": take})
