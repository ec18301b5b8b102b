"""Tracking: where a parcel was seen last."""

from service import Store, serve

store = Store("CREATE TABLE IF NOT EXISTS scans (parcel INTEGER PRIMARY KEY, place TEXT)")


def scanned(request):
    store.run("INSERT OR REPLACE INTO scans VALUES (?, ?)", request.body["parcel"], request.body["place"])
    return 201, {}


def places(request):
    numbers = request.query.get("parcels", "").split(",")
    found = store.run("SELECT parcel, place FROM scans")
    return 200, {"places": {str(parcel): place for parcel, place in found if str(parcel) in numbers}}


serve({"GET /scans": places, "POST /scans": scanned})
