docker build --tag labels:1.0 labels
