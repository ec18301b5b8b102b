# A first look at the program leaves a container of the service that has ended.
docker compose run cruncher python3 --version
docker compose up -d --wait
