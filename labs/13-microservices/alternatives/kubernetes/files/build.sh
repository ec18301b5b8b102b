#!/bin/sh
# Builds a version of one service, and gives it to the node where it runs: sh build.sh SERVICE VERSION
set -eu

case $1 in
    front) node=control-plane ;;
    tracking) node=worker-1 ;;
    notification) node=worker-2 ;;
esac
docker build --quiet --build-arg "PROGRAM=$1" --build-arg "VERSION=$2" --tag "parcel/$1:$2" .
docker save "parcel/$1:$2" | docker exec --interactive "drydock-13-$node-1" ctr --namespace k8s.io images import -
