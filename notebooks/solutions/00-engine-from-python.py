# %% revive
# Your turn: replace every ... and run the cell.
def revive(event):
    """Start a container again when it ended with an error."""
    code = int(event["Actor"]["Attributes"]["exitCode"])
    if code != 0:
        client.containers.get(event["id"]).start()


follow("die", revive)
