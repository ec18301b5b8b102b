docker inspect --format '{{.RestartCount}}' parcel
