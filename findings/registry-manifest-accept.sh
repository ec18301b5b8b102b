#!/usr/bin/env bash
# A registry answers 404 MANIFEST_UNKNOWN for an image that it has, unless the request names the image's format.
#
# Version: docker-registry 2.8.2+ds1-1, Debian 12's package of the registry that most people run at home.
#
# A good guess: `GET /v2/NAME/manifests/TAG` without an Accept header returns the manifest as it was pushed,
# as a web server would; at worst 406. 404 means that there is no such image.
#
# What was seen: for an image in OCI's format (what today's builders push), the request without an Accept header,
# with `*/*` (curl's own), or with Docker's format gets 404, by tag and by digest alike, although the tag is in
# `tags/list`. The body alone says why. HEAD has no body, so nothing tells it from an image that does not exist.
#
# Why it matters to a course: a pipeline that asks with curl whether an image was pushed, and looks at the status,
# builds or pushes again, or reports a lost image.
set -euo pipefail

folder=$(mktemp -d)
server=
end() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT
cd "$folder"

changed() {
  echo "Changed: $*" >&2
  exit 1
}

mkdir packages && chmod 777 . packages
(cd packages && apt-get download docker-registry=2.8.2+ds1-1) >download.log 2>&1 || { cat download.log >&2; exit 3; }
dpkg -x packages/docker-registry_*.deb installed || exit 3

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >registry.yml <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $folder/data}}
http: {addr: "127.0.0.1:$port"}
YAML
installed/usr/bin/docker-registry serve registry.yml >server.log 2>&1 &
server=$!
curl --silent --fail --retry 20 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/v2/" >/dev/null || { cat server.log >&2; exit 3; }

cat >push.py <<'PYTHON'
"""Push an image of one layer as OCI's distribution specification says, and print the digest of its manifest."""

import hashlib
import json
import sys
from urllib.request import Request, urlopen

name = sys.argv[1]


def send(method, address, body=b"", media="application/octet-stream"):
    return urlopen(Request(address, data=body, method=method, headers={"Content-Type": media}))


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob(content, media):
    place = send("POST", f"{name}/blobs/uploads/").headers["Location"]
    send("PUT", f"{place}&digest={digest(content)}", content)
    return {"mediaType": media, "size": len(content), "digest": digest(content)}


format = "application/vnd.oci.image.manifest.v1+json"
manifest = json.dumps({
    "schemaVersion": 2,
    "mediaType": format,
    "config": blob(b'{"architecture":"amd64","os":"linux"}', "application/vnd.oci.image.config.v1+json"),
    "layers": [blob(b"a layer", "application/vnd.oci.image.layer.v1.tar")],
}).encode()
send("PUT", f"{name}/manifests/1.0", manifest, format)
print(digest(manifest))
PYTHON
image=http://127.0.0.1:$port/v2/app
digest=$(python3 push.py "$image")

status() { curl --silent --output body --write-out '%{http_code}' "$@"; }

echo "tags/list: $(curl --silent "$image/tags/list")"
oci=application/vnd.oci.image.manifest.v1+json
docker=application/vnd.docker.distribution.manifest.v2+json
{
  echo "no Accept $(status --header Accept: "$image/manifests/1.0")"
  echo "*/* $(status "$image/manifests/1.0")"
  echo "*/*, by digest $(status "$image/manifests/$digest")"
  echo "Docker's format $(status --header "Accept: $docker" "$image/manifests/1.0")"
  echo "OCI's format $(status --header "Accept: $oci" "$image/manifests/1.0")"
  echo "no such tag $(status "$image/manifests/2.0")"
} | tee seen

[ "$(grep -o '[0-9]*$' seen | paste -sd ' ')" = "404 404 404 404 200 404" ] || changed "it answers otherwise."
