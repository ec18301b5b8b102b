sh open.sh
cat > api.cfg <<'CFG'
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
frontend api
    bind :8375
    default_backend engine
backend engine
    server engine unix@/engine.sock
CFG
docker --context rented-tls create --name api --publish 8375:8375 --user root --cpus 0.1 --memory 96m \
    --volume /run/docker.sock:/engine.sock --entrypoint haproxy drydock/front:1.0 -f /tmp/api.cfg
docker --context rented-tls cp api.cfg api:/tmp/api.cfg
docker --context rented-tls start api
