#!/bin/sh
# Gives one service a version, and leaves the others alone: sh release.sh SERVICE VERSION
set -eu

sh build.sh "$1" "$2"
kubectl set image "deployment/$1" "$1=parcel/$1:$2"
kubectl rollout status --timeout 60s "deployment/$1"
