#!/bin/sh
# Gives one service a version, and leaves the others alone: sh release.sh SERVICE VERSION
set -eu

sh build.sh "$1" "$2"
docker service update --quiet --no-resolve-image --image "parcel/$1:$2" "parcel_$1"
