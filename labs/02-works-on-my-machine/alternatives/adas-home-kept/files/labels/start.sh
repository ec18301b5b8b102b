#!/bin/sh
# What Ada has in her profile.
export LABELS_HOST=0.0.0.0 LANG=de_DE.UTF-8 LABELS_JOURNAL=/dev/stdout
exec python3 labels.py
