docker exec healer cat /data/healed
docker exec healer sh -c 'cat /data/healed 2> /dev/null | wc -l'
