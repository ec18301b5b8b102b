docker build --tag labels:1.0 labels
docker run -d --name labels --env-file labels/.env labels:1.0
