"""Notification: reads the front's list of notices from where it stopped, and has the gateway send each, once."""

from pathlib import Path

from service import Store, fetch, in_background, log, serve

KEY = Path("/run/secrets/gateway").read_text().strip()

store = Store("CREATE TABLE IF NOT EXISTS done (parcel INTEGER PRIMARY KEY)")


def work():
    last = store.run("SELECT coalesce(max(parcel), 0) FROM done")[0][0]
    status, answer = fetch(
        "GET", f"http://front:8080/notices?after={last}", timeout=2, headers={"X-Request-Id": "page-notices"}
    )
    if status != 200:
        return
    for notice in answer["notices"]:
        parcel = notice["parcel"]
        log("notice read", parcel=parcel, id=notice["request"])
        message = {
            "to": notice["to"],
            "text": f"Parcel {parcel} is on its way.",
            "reference": f"parcel-{parcel}",
        }
        headers = {"X-Gateway-Key": KEY, "X-Request-Id": notice["request"]}
        status, _ = fetch("POST", "http://gateway:8080/messages", message, timeout=2, headers=headers)
        if status != 200:
            return
        store.run("INSERT INTO done VALUES (?)", parcel)


in_background(work, pause=0.5)
serve({})
