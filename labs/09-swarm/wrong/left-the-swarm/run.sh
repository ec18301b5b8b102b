docker --host tcp://node-3:2375 swarm leave
until docker node ls | grep node-3 | grep -q Down; do sleep 0.2; done
