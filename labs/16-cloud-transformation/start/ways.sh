# Shows `ssh` the ways to the old machine and to the rented one, and makes the context `rented` for `docker`.
set -eu

mkdir -p ~/.ssh && chmod 700 ~/.ssh
cat > ~/.ssh/config <<'CONFIG'
Host old
    User root
    IdentityFile /vm/key
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR

Host rented
    User root
    IdentityFile /rented/ssh/id_ed25519
    UserKnownHostsFile /rented/ssh/known_hosts
CONFIG
docker context rm --force rented > /dev/null 2>&1 || true
docker context create rented --docker host=ssh://rented
