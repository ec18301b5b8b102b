docker compose up --detach --build --wait
