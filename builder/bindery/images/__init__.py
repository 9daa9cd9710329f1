"""Images: repo2docker's buildpack and engine, layers, registries. Nothing here yet."""
