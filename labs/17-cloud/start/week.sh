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

# In a process group of its own, so that all of it can be ended. What it says is in policy.log. A command that ends before
# the week is over changes nothing any more, so that is said at once.
if [ "$#" -gt 0 ]; then
    setsid sh -c '
        code=0
        "$@" > policy.log 2>&1 < /dev/null || code=$?
        hour=$(curl -sf http://meter/hour) || exit 0
        echo "Your command ended in hour ${hour%.*} of the week, with exit code $code. The end of policy.log:"
        tail -n 3 policy.log
    ' week.sh "$@" >&2 &
    policy=$!
fi
curl -sN http://meter/follow
finish
curl -s http://meter/bill.svg > bill.svg
curl -s http://meter/bill
