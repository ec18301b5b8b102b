sh open.sh
cp -r /rented/tls .
cat > Dockerfile <<'FILE'
FROM drydock/parcel:1.0
COPY . /app/
USER root
RUN rm -r /app/tls
USER parcel
FILE
docker --context rented-tls build --tag parcel-mine:1.0 .
