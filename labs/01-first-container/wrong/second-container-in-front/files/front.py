"""Hand every connection on port 8080 to parcel:8080, byte for byte."""

import socket
import threading


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until one side ends."""
    while data := source.recv(65536):
        target.sendall(data)
    target.close()


with socket.create_server(("", 8080)) as front:
    while True:
        caller, _ = front.accept()
        parcel = socket.create_connection(("parcel", 8080))
        threading.Thread(target=copy, args=(caller, parcel), daemon=True).start()
        threading.Thread(target=copy, args=(parcel, caller), daemon=True).start()
