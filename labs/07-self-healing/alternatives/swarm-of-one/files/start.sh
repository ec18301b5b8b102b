# Parcel's start in the service: restore the store when it is damaged, then become Parcel.
store=$PARCEL_DATA/parcels
copy=$PARCEL_COPY/parcels
[ ! -e "$store" ] || python3 /app/store.py verify "$store" || {
    python3 /app/store.py verify "$copy" || exit 65
    mv "$store" "$store.damaged"
    cp "$copy" "$store"
    echo "the store was damaged, and is restored from its copy"
}
exec python3 /app/store.py
