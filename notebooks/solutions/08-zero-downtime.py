# %% script
# Your turn: replace every ... with text in quotes, and run the cell.
parts = {
    "the path that says whether a copy is ready": "/readyz",
    "the path that users ask": "/",
    "the command that ends the old version": "docker stop",
}
ready, front, end_old = parts.values()
(lab(8).work / "release.sh").write_text(f"""\
set -eu
new=parcel-$1
old=$(sed -n 's/.*server \\(.*\\):8080;/\\1/p' nginx.conf)
docker run -d --name "$new" --network parcel --env-file parcel.env "drydock/parcel:$1"
if ! timeout 60 sh -c "until curl -sf http://$new:8080{ready}; do sleep 0.2; done" ||
    ! curl -sf "http://$new:8080{front}" | grep -qF "\\"$1\\""; then
    docker rm --force "$new"
    exit 1
fi
worker=$(docker top proxy -eo pid,args | awk '/nginx: worker/ {{ print $1 }}')
sed -i "s/server .*:8080;/server $new:8080;/" nginx.conf
docker cp --quiet nginx.conf proxy:/etc/nginx/nginx.conf
docker exec proxy nginx -s reload
timeout 60 sh -c "while docker top proxy -eo pid | grep -qw $worker; do sleep 0.2; done"
{end_old} "$old"
docker rm "$old"
""")
