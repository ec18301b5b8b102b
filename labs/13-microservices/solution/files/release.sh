#!/bin/sh
# Gives one service a version, and leaves the others alone: sh release.sh SERVICE VERSION
set -eu

variable=$(echo "$1" | tr '[:lower:]' '[:upper:]')
sed -i "s/^$variable=.*/$variable=$2/" .env
docker compose up --detach --build --no-deps --wait "$1"
