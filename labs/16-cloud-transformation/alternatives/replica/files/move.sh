# The replica catches up while users write; the office is read-only only for what came during the last round.
set -eu

scp -q replica.py old:/tmp/replica.py
here="docker --context rented run --rm --interactive --volume office:/data office:1.0 python3 replica.py"
catch_up() { $here have | ssh old DATA=/srv/office/data python3 /tmp/replica.py give | $here take; }

catch_up
catch_up
ssh old office readonly
catch_up
sh open.sh
echo rented:8080 > address
ssh old poweroff
