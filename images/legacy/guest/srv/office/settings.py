"""What the office needs to know of its machine: its settings, and where its log goes."""

import configparser
import os
import time


def read_settings():
    """Read the configuration file of this machine."""
    file = configparser.ConfigParser()
    with open("/etc/office.conf", encoding="utf-8") as source:
        file.read_file(source)
    return dict(file["office"])


SETTINGS = read_settings()
DATA = SETTINGS["data"]
LOG = open(SETTINGS["log"], "a", encoding="utf-8")

LOCK = os.path.join(DATA, "lock")  # each writer takes a shared lock on it
READONLY = "/srv/office/readonly"  # while this file is there, nothing is written


def log(line):
    """Write a line to the log."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), line, file=LOG, flush=True)
