docker node promote node-2
