# Starts Parcel on a whole store, ends it when it no longer answers, and writes into the log what happened.
# It runs in Parcel's container; the container's restart policy starts it again whenever it ends.
store=$PARCEL_DATA/parcels
copy=$PARCEL_COPY/parcels

if [ -e "$store" ] && ! python3 /app/store.py verify "$store"; then
    # Nothing to start from: ends, and the engine waits longer before each try.
    python3 /app/store.py verify "$copy" || exit 65
    mv "$store" "$store.damaged"
    cp "$copy" "$store"
    echo "start: the store was damaged, and is restored from its copy"
fi

python3 /app/store.py &
parcel=$!
trap 'kill $parcel; wait $parcel; exit 0' TERM

(
    misses=0
    while sleep 1; do
        if python3 -I -S /app/health.py; then misses=0; else misses=$((misses + 1)); fi
        if [ $misses -ge 3 ]; then
            echo "watchdog: Parcel has not answered three times, and is ended"
            kill -9 $parcel
        fi
    done
) &

wait $parcel
echo "start: Parcel ended with exit code $?, and is started again"
exit 1
