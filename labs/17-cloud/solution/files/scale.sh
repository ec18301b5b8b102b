# Runs as many copies of Parcel as it is called with, and no more:   sh scale.sh 2
# A copy that is there already is left alone. `front` finds the copies by their names.
set -eu

docker="docker --context rented-tls"
add() {
    $docker run --detach --name "parcel-$1" --network parcel --no-healthcheck \
        --cpus 0.1 --memory 64m drydock/parcel:1.0
}
# A copy that is asked to stop first finishes what it has begun.
remove() {
    $docker stop "parcel-$1"
    $docker rm "parcel-$1"
}

here=$($docker ps --format '{{.Names}}' --filter name=parcel- | xargs)
for number in 1 2 3 4; do
    case " $here " in
        *" parcel-$number "*) [ "$number" -le "$1" ] || remove "$number" & ;;
        *) [ "$number" -gt "$1" ] || add "$number" & ;;
    esac
done
wait
