# Replays the users' week, and runs your command beside it:   sh week.sh sh policy.sh
# Only its first days:                                        sh week.sh --days 1 sh policy.sh
# When the week is over, your command is ended, and the bill is printed; bill.svg is its drawing.
set -eu

days=7
if [ "${1:-}" = --days ]; then
    days=$2
    shift 2
fi
curl -sS --fail-with-body -X POST "http://meter/week?days=$days" > /dev/null

policy=
finish() {
    [ -z "$policy" ] || kill -- "-$policy" 2> /dev/null || true
    policy=
}
trap 'finish; curl -s -X DELETE http://meter/week; exit 130' INT TERM

# In a process group of its own, so that all of it can be ended. What it says is in policy.log.
if [ "$#" -gt 0 ]; then
    setsid "$@" > policy.log 2>&1 < /dev/null &
    policy=$!
fi
curl -sN http://meter/follow
finish
curl -s http://meter/bill.svg > bill.svg
curl -s http://meter/bill
