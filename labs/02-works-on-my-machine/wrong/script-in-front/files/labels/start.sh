#!/bin/sh
echo starting
python3 labels.py
