# Wraps the office in an image, on the rented engine, and makes the way to the seal box.
set -eu

mkdir -p office
scp -q "old:/srv/office/*.py" office/
docker --context rented build --quiet --tag office:1.0 .

# The settings are those of the old machine; of them, the token is a secret, and in no image.
ssh old cat /etc/office.conf > office.conf
setting() { sed -n "s/^$1 = //p" office.conf; }
cat > office.env <<SETTINGS
NAME=$(setting name)
SEAL_URL=http://way.harbour:8080
SEAL_TOKEN=$(setting seal_token)
BOOKS_URL=$(setting books_url)
SETTINGS

# The seal box stays. This container is in both networks, and passes requests on to the box.
docker rm --force way 2> /dev/null || true
docker run --detach --name way --restart always --network drydock-16_office \
    --env DRYDOCK_FRONT_TO=seal.harbour:7000 drydock/front:1.0
docker network connect --alias way.harbour drydock-16_lab way

# Names of other machines are found in a network of their own, not in the default one.
docker --context rented network create office
