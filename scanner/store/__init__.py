"""Reports in blobs, and what is said of each image now in tables."""
