#!/bin/sh
export LABELS_KEY=ada-seal-5d8c1f77b0e24a96
exec python3 labels.py
