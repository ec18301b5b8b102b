docker create --name stamp --workdir /srv/labels drydock/python:1.0 sh -c 'pip install --no-index --find-links vendor -r requirements.txt && rm -r vendor'
tar -C labels -c labels.py parcels.csv requirements.txt vendor | docker cp - stamp:/srv/labels
docker start --attach stamp
docker commit --change 'LABEL io.drydock.lab=02' --change 'ENV LABELS_HOME=/srv/labels LABELS_HOST=0.0.0.0 LABELS_JOURNAL=/dev/stdout LANG=de_DE.UTF-8' --change 'USER 10001' --change 'CMD ["python3", "labels.py"]' stamp labels:1.0
docker save labels:1.0 | docker -H tcp://second:2375 load
docker -H tcp://second:2375 run -d --name labels -p 8080:8080 --env-file labels/.env labels:1.0
