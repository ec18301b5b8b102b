mkdir labels/parcelcode
docker run --rm -i drydock/python:1.0 python3 -c '
import io, sys, zipfile
wheel = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
sys.stdout.write(wheel.read("parcelcode/__init__.py").decode())
' < labels/vendor/parcelcode-1.2.0-py3-none-any.whl > labels/parcelcode/__init__.py
docker build --tag labels:1.0 labels
docker save labels:1.0 | docker -H tcp://second:2375 load
docker -H tcp://second:2375 run -d --name labels -p 8080:8080 --env-file labels/.env labels:1.0
