#!/bin/bash
# Switches on a virtual machine that serves Parcel, prints the seconds until it answers, and switches it off.
name=one-more
kvm='--device /dev/kvm'
docker run --rm $kvm --entrypoint true drydock/vm:1.0 2> /dev/null || kvm=
docker rm --force "$name" > /dev/null 2>&1
docker run --detach $kvm --network "drydock-${DRYDOCK_LAB}_lab" --name "$name" drydock/vm:1.0 > /dev/null || exit
# First it is tried whether the processor can be shared, or has to be emulated. That is not part of switching on.
until said=$(docker logs "$name" 2> /dev/null | grep -m 1 'the processor'); do sleep 0.1; done
began=$(date +%s%N)
echo "$said"
until curl --silent --max-time 2 --output /dev/null "http://$name:8080/"; do sleep 0.1; done
hundredths=$((($(date +%s%N) - began) / 10000000))
printf 'answered after %d.%02d s\n' $((hundredths / 100)) $((hundredths % 100))
# The engine looks for itself whether it answers. What it saw last stays in its record of the machine (`docker inspect`).
state='{{.State.Running}} {{.State.Health.Status}}'
until case $(docker inspect --format "$state" "$name") in "true healthy" | false*) ;; *) false ;; esac; do sleep 0.1; done
docker kill "$name" > /dev/null
