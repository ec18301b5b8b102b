docker -H tcp://host-1:2375 run -d --name parcel -p 8080:8080 drydock/parcel:1.0
there=$(getent hosts host-1 | cut -d ' ' -f 1)
docker -H tcp://host-2:2375 run -d --name parcel -p 8080:8080 drydock/parcel:1.0 python3 -c "
import http.server, urllib.request

class Forwarder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = urllib.request.urlopen('http://$there:8080' + self.path, timeout=2).read()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(('', 8080), Forwarder).serve_forever()
"
timeout 60 sh -c 'until curl -s http://host-2:8080/ | grep -q parcel; do sleep 0.2; done'
