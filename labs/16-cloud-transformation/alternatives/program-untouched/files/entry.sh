# Writes the file that the program looks for, from the environment of the container, and becomes the program.
cat > /etc/office.conf <<CONF
[office]
name = $NAME
data = /srv/office/data
log = /var/log/office.log
seal_url = $SEAL_URL
seal_token = $SEAL_TOKEN
books_url = $BOOKS_URL
CONF
exec "$@"
