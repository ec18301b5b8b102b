FROM drydock/python:1.0
COPY vendor /tmp/vendor
RUN pip install --no-index --find-links /tmp/vendor parcelcode
