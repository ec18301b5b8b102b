FROM drydock/python:1.0
COPY .env /srv/labels/
