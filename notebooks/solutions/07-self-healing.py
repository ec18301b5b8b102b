# %% script
# Your turn: replace every ... with text in quotes, and run the cell.
parts = {
    "what says whether the store in a file is whole": "python3 /app/store.py verify",
    "what sends Parcel a request, as its health check does": "python3 -I -S /app/health.py",
    "how many misses in a row end Parcel, as a number in quotes": "3",
    "the signal that ends a program that hangs": "KILL",
}
verify, ask, misses, signal = parts.values()
(lab(7).work / "start.sh").write_text(f"""\
store=$PARCEL_DATA/parcels
copy=$PARCEL_COPY/parcels
if [ -e "$store" ] && ! {verify} "$store"; then
    {verify} "$copy" || exit 65
    cp "$copy" "$store"
fi
python3 /app/store.py &
parcel=$!
trap 'kill $parcel; wait $parcel; exit 0' TERM
(
    missed=0
    while sleep 1; do
        if {ask}; then missed=0; else missed=$((missed + 1)); fi
        [ $missed -lt {misses} ] || kill -{signal} $parcel
    done
) &
wait $parcel
echo "start: Parcel ended, and is started again"
exit 1
""")
(lab(7).work / "healed.sh").write_text("docker logs parcel 2>&1 | grep -c 'started again'\n")
run_parcel(
    "--restart unless-stopped --memory 128m --memory-swap 128m -v $PWD/start.sh:/start.sh:ro",
    "sh /start.sh",
)
