# The job beside the program.
while sleep 5; do python3 tally.py; done &
exec python3 office.py
