# %% comparison
# Your turn: replace every ... and run the cell.
measured = record(12)
table = pd.DataFrame(
    {
        "way": ["hand", "swarm"],
        "seconds": [measured.loc["by hand", SECONDS], measured.loc["Swarm", SECONDS]],
        "lost": [measured.loc["by hand", LOST], measured.loc["Swarm", LOST]],
        "memory": [memory("hand"), memory("swarm")],
        "lines": [lines("hand"), lines("swarm")],
        "files": ["hand.txt", "swarm.txt"],
    }
)
table.to_csv(work / "comparison.csv", index=False)
table
