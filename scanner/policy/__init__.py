"""YAML as people write it: into values, or every fault with its line."""
