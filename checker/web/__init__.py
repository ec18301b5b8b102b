"""What the course's servers have in common: who may ask, streams of events, folders of files, and downloads that go on."""
