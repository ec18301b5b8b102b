#!/bin/sh
# Builds a version of one service on the node where it runs: sh build.sh SERVICE VERSION
set -eu

case $1 in
    front) node=node-1 ;;
    tracking) node=node-2 ;;
    notification) node=node-3 ;;
esac
docker -H "tcp://$node:2375" build --quiet \
    --build-arg "PROGRAM=$1" --build-arg "VERSION=$2" --tag "parcel/$1:$2" .
