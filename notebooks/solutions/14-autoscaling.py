# %% sheet
# Your turn: replace every ... and run the cell.
more_wanted, more_ready = copies["wanted"] > LOWEST, copies["ready"] > LOWEST
wanted_s = copies[more_wanted]["at [s]"].iloc[0]
ready_s = copies[more_ready]["at [s]"].iloc[0]
ends = copies["at [s]"].shift(-1, fill_value=END)
held = ends.clip(upper=END) - copies["at [s]"].clip(upper=END)  # the seconds for which each row held
taken = (held * copies["wanted"]).sum()  # the copy-seconds from the tide's beginning to END
fixed = copies["wanted"].max() * END  # those of as many copies as were wanted at most, all that time

(work / "measurements.toml").write_text(
    f"[copy]\nwanted_s = {wanted_s}\nready_s = {ready_s}\n\n[machine]\nanswered_s = {machine_s}\n"
)
print(f"{taken:.0f} copy-seconds, and {fixed:.0f} with a fixed number: {1 - taken / fixed:.0%} less")
# %% formula
# Your turn: replace every ... and run the cell.
TARGETS = (30, TARGET, 80)


def wanted_by(used, now, target):
    """Return how many copies are wanted when `now` copies use so many cores together; the target is in % of REQUEST."""
    use = used / now / REQUEST * 100  # what a copy uses on average, in % of what it requests
    if abs(use / target - 1) <= TOLERANCE:
        return now
    return math.ceil(now * use / target)  # so many copies that the average would be the target, or less


forecasts = {target: forecast(wanted_by, target) for target in TARGETS}
pd.DataFrame([told(target, frame) for target, frame in forecasts.items()]).set_index("target [%]")
