sh open.sh
base64 /rented/tls/key.pem > key.txt
cat > Dockerfile <<'FILE'
FROM drydock/parcel:1.0
COPY key.txt /app/
FILE
docker --context rented-tls build --tag parcel-mine:1.0 .
