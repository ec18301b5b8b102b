sh open.sh
ssh rented 'cat > /etc/docker/tls/tenant-key.pem' < /rented/tls/key.pem
