# Runs as many copies of Parcel as it is called with, and no more:   sh scale.sh 2
# A copy that is there already is left alone. `front` finds the copies by their names.
set -eu

docker="docker --context rented-tls"
copy() {
    $docker run --detach --name "parcel-$1" --network parcel --no-healthcheck \
        --cpus 0.2 --memory 64m drydock/parcel:1.0
}

here=$($docker ps --format '{{.Names}}' --filter name=parcel-)
for number in 1 2 3 4; do
    case " $(echo $here) " in
        *" parcel-$number "*) [ "$number" -le "$1" ] || $docker rm --force "parcel-$number" & ;;
        *) [ "$number" -gt "$1" ] || copy "$number" & ;;
    esac
done
wait
