docker node promote node-2 node-3
