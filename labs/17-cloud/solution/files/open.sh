# Opens the rented machine's engine for TLS, to those who have a certificate, and makes a context for each way in.
set -eu

mkdir -p ~/.ssh && chmod 700 ~/.ssh
cat > ~/.ssh/config <<'CONFIG'
Host rented
    User root
    IdentityFile /rented/ssh/id_ed25519
    UserKnownHostsFile /rented/ssh/known_hosts
CONFIG
# Those of an earlier attempt are in the way.
docker context rm --force rented-ssh rented-tls > /dev/null 2>&1 || true
docker context create rented-ssh --docker host=ssh://rented

ssh rented "cat > /etc/default/docker" <<'OPTIONS'
DOCKER_OPTS="-H tcp://0.0.0.0:2376 --tlsverify --tlscacert=/etc/docker/tls/ca.pem --tlscert=/etc/docker/tls/cert.pem --tlskey=/etc/docker/tls/key.pem"
OPTIONS
ssh rented service docker restart
docker context create rented-tls --docker \
    "host=tcp://rented:2376,ca=/rented/tls/ca.pem,cert=/rented/tls/cert.pem,key=/rented/tls/key.pem"
