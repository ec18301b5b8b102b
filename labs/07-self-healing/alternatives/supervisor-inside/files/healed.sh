docker compose exec -T parcel sh -c 'cat $PARCEL_DATA/healed 2> /dev/null | wc -l'
