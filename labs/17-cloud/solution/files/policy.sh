# Follows the hour of the week: one copy by night, two by day, four while the new catalogue comes out.
set -eu

have=
while hour=$(curl -sf http://meter/hour); do
    hour=${hour%.*}
    day=$((hour / 24))
    case $day:$((hour % 24)) in
        0:1[1-7]) want=4 ;;
        [0-4]:[6-9] | [0-4]:1? | 0:18 | [5-6]:1[0-8]) want=2 ;;
        *) want=1 ;;
    esac
    if [ "$want" != "$have" ]; then
        sh scale.sh "$want"
        have=$want
    fi
    sleep 0.3
done
